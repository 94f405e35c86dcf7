"""Where Gatehouse meets the world: Orthanc, databases, files, keys, destinations."""
