"""Words that do not point at anybody, though they may stand in a name, a number or an address.

A patient called Hand has an ordinary name and an X-ray of the hand an ordinary code meaning; a
station called CT is not given away by the modality. Such words are not looked for alone, only
together with another part of the name. The list is short on purpose: words that technical
attributes and code meanings hold, and placeholders. A name that is missing here costs a hold, one
too many a leak.
"""

from __future__ import annotations

_PLACEHOLDERS = """
    admin anon anonym anonymised anonymized anonymous anyscp center centre clinic default
    deidentified demo department doctor dummy empty example female findscu gatehouse hospital
    institution male misc missing name nil nobody noid noname none null nurse operator orthanc
    other others patient patients person phantom physician pseudonymized radiology redacted
    removed research room sample scanner station storescp storescu subject system tech
    technician test tester testing tests undefined unit university unknown unspecified user
    various ward
"""

_ANATOMY = """
    abdomen abdomenpelvis abdominal ankle anterior aorta appendix arm artery axilla back biliary
    bladder body bone bones bowel brachial brain breast breasts bronchus buttock calf cardiac
    carotid cervical chest chin clavicle coccyx colon coronary cranial cranium cspine ear elbow
    esophagus extremity eye eyes face facial femoral femur fibula finger fingers foot forearm
    gallbladder groin hand hands head heart hepatic hip hips humerus ilium jaw joint kidney knee
    knees larynx lateral left leg legs limb liver lower lspine lumbar lung lungs lymph mandible
    maxilla medial mediastinum mouth muscle nasal neck nerve nose orbit ovary pancreas pelvic
    pelvis penis posterior prostate pulmonary radius renal rib ribs right sacral sacrum scalp
    scapula scrotum shoulder shoulders sinus skin skull spinal spine spleen sternum stomach
    temporal testis thigh thoracic thorax throat thumb thyroid tibia toe toes tongue tooth
    trachea trunk tspine ulna upper ureter urethra uterus vagina vascular vein vertebra whole
    wholebody wrist
"""

_TECHNOLOGY = """
    acquisition active additional after angio arterial asymmetric average axial balanced before
    biopsy biplane block blood body calc calibration card center cine circular clinical coarse
    code coil color colour combined composite compressed computed cone container contrast
    control convolution coronal correction count cr cross ct curved cut data date datetime decub
    decubitus delayed density derived detector diffusion digital display dose dual dx dynamic
    echo emission energy enhanced enter erect es excitation exposure fast field film filter fine
    first flat flow focal frame free full function gated gradient gray grey grid group hard head
    helical high his hold image images imaging implant injection inspiration intensity inversion
    iterative kernel landscape large last lead level linear localizer long loss lossless lossy
    low lower manual map mask matrix max maximum mean medical medium mg min minimum mode model
    mono monochrome motion mr mri native needle negative neutral nm no noise non none normal
    nuclear null num oblique off on op open opt optical original ot outer pacs parallel partial
    pass peak perfusion pet phase plain planar plane plate pname point portal portrait positive
    positron post power pre presentation pressure primary processed processing prone proton pt
    quality raw read real recon reconstruction rect rectangle reference reformatted region
    relative rest rf ris rotation round rt rtdose rtimage rtplan rtstruct safe sagittal sc scan
    scanned scoord scout screen secondary seg segment semi sense sequence series sharp short
    side signal single sitting slice slow small smooth soft source space special spin spiral
    spot square sr standard standing start static stationary stereo still stop straight strain
    stress strip study supine surface system table target temporal text tilt time tissue
    topogram transverse true tube type uidref unit upright us value variable velocity venous
    volume water wave waveform weighted wide window xa xray year zero zoom
"""

WORDS = frozenset(f"{_PLACEHOLDERS} {_ANATOMY} {_TECHNOLOGY}".split())
"""In lower case. Not looked for alone."""

_PARTICLES = """
    al av ba bin bsc da dal dalla das dds de degli dei del dela della den der des di do dos dr
    drs du el frau herr het ibn ii iii in iv jr la lady las le les lo los ma mac mc md med mlle
    mme mr mrs ms msc ole phd prof rn rt san santa sir sr st te ten ter till to und van vande
    vanden vander vom von y zu zum zur
"""

PARTICLES = frozenset(_PARTICLES.split())
"""Small words and titles within names. Not looked for alone."""

_MAKERS = """
    accuray acuson agfa aloka amicas barco bracco brainlab bruker canon carestream dentsply elekta
    elscint esaote fischer fuji fujifilm gehc hitachi hologic imatron kodak konica lorad marconi
    medison medrad merge mindray minolta nemoto olympus orex philips picker planmeca samsung sectra
    shimadzu siemens sirona sonosite swissray toshiba trex varian vidar vital zeiss
"""

MAKERS = frozenset(word.encode("ascii") for word in _MAKERS.split())
"""Words of the names of makers, some of which are names of people, folded."""

MAKERS_PLACES = frozenset(
    {
        0x00080070,  # Manufacturer
        0x00080102,  # Coding Scheme Designator
        0x00081090,  # Manufacturer's Model Name
        0x00181016,  # Secondary Capture Device Manufacturer
        0x00181018,  # Secondary Capture Device Manufacturer's Model Name
    }
)
"""Attributes that the profile keeps and in which a maker's name is a maker's name."""

CODE_MEANING = 0x00080104
"""A study is often described by the very words of the code of its procedure, which is kept."""
