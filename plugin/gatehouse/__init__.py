"""De-identification and routing gateway for medical images, inside the Orthanc PACS.

The layers, each importing only what stands right of it::

    main -> adapters, web, commands, cli -> pipeline -> policy -> deid -> dicom -> standard

``policy``, ``deid``, ``dicom`` and ``standard`` do no I/O and read no clock, no randomness and no
environment: bytes, values, times and keys come in as arguments.
"""

__version__ = "0.1.0"
