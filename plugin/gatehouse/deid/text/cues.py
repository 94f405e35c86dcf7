"""Words that give a name away: titles before it, degrees after it, labels and prepositions.

In the languages in which descriptors are written most: English, German, French, Spanish, Italian,
Portuguese, Dutch, the Nordic ones, Polish, Czech, Turkish and Russian.
"""

from __future__ import annotations

import re
from typing import Final

from gatehouse.deid.text.words import fold

TITLES: Final = frozenset(
    "dr drs doctor docteur doktor doutor dottor dottore dottoressa prof professor professore professeur "
    "mr mrs ms mme mlle monsieur madame messieurs herr herrn frau dhr mevr mevrouw meneer sr sra srta señor "
    "señora senor senora sig sigra sigr signor signora dott ssa dottssa dra doc pr mudr mddr "
    "bay bayan pan pani gospodin hra rev capt sgt lt sister hr fr fru lek "
    "vrach doktora".split()
)
WEAK_TITLES: Final = frozenset(
    "doctor sister hr fr lt doc nurse capt sra sr pr pan pani bay lek mw ing sig fru schwester pfleger "
    "m kollege kollegin".split()
)
"""These are everyday or clinical words too; they are titles only before a capital letter."""

POSTNOMINALS: Final = frozenset(
    "md do rn phd frcr frcp mbbs facr rt msc dmd dds np pa-c crnp rtr".split()
)
DOTTED_CREDENTIALS: Final = re.compile(r"\b(?:M\.D|D\.O|Ph\.D|R\.N|R\.T)\b")

PARTICLES: Final = frozenset(
    "de del della di da dos van von der den ter ten zu zur bin ibn al el la le abu san st mac mc "
    "jr sr ii iii iv".split()
)

BY: Final = re.compile(
    r"\b(?:signed|dictated|read|reported|performed|reviewed|verified|approved|interpreted|"
    r"transcribed|scanned|ordered|referred|requested|authori[sz]ed|entered|acquired|validated|"
    r"seen|examined|checked|"
    r"befundet|angefordert|überwiesen|untersucht|unterschrieben|vidiert|freigegeben|"
    r"lu|signé|validé|prescrit|réalisé|demandé|interprété|dicté|"
    r"firmado|solicitado|informado|realizado|validado|assinado|laudado|"
    r"firmato|refertato|eseguito|richiesto|"
    r"aangevraagd|verslagen|opisał|opisała|zlecił|popsal|granskad|beskrevet)"
    r"(?: electronically| elektronisch)? (?:by|von|durch|par|por|da|dal|door|przez|av|af)\b[: ]*",
    re.IGNORECASE,
)
LABEL: Final = re.compile(
    r"(?<![^\W_])(?:patient(?:'s)?(?: name)?|pt(?: name)?|name|surname|tech(?:nologist)?|operator|physician|"
    r"radiologist|radiographer|sonographer|attending|resident|fellow|consultant|referrer|"
    r"referring(?: physician| doctor| dr)?|ref(?: by| phys)?|req(?:uested)?(?: by)?|mother|father|wife|husband|"
    r"spouse|son|daughter|contact|next of kin|nurse|cc|attn|signed|author|reader|observer|reported|verified|"
    r"untersucher(?:in)?|arzt|ärztin|oberarzt|zuweiser(?:in)?|überweiser(?:in)?|mtra?|name des patienten|"
    r"m[ée]decin|manipulat(?:eur|rice)|prescripteur|nom|pr[ée]nom|"
    r"m[ée]dico|paciente|nombre|apellidos?|solicitante|firmado|t[ée]cnico|nome|paziente|firmato|doente|"
    r"medico(?: refertante| richiedente)?|tecnico|aanvrager|verwijzer|laborant|patiënt|naam|"
    r"lekarz|pacjent(?:ka)?|nazwisko|imię|lékař|jméno|patienten?|läkare|læge|lege|nimi|hasta|doktor|teknisyen|"
    r"врач|пациент(?:ка)?|фио|лаборант) ?[:=] ?",
    re.IGNORECASE,
)
BEFORE_NAME: Final = re.compile(
    r"(?<![^\W_])(?:by (?:on-call )?tech|on-call tech|nurse|mtra|manipulat(?:eur|rice)|patient(?:e|in)? herr|"
    r"patient(?:in)? frau|la patiente|le patient|пациент(?:ка)?|врач|доктор|pacjent(?:ka)?|paciente|paziente|"
    r"patiënte?|doente|lek\.|signed|attending|daughter|husband|wife|mother|father|son|sister|brother|"
    r"tochter|sohn|ehefrau|ehemann|fille|fils|épouse|mari|hija|hijo|esposa|figlia|figlio|moglie|marito|"
    r"dochter|zoon|author|for|attn) ",
    re.IGNORECASE,
)
"""Words before a name without a colon: only what is capitalised and no word of a vocabulary counts."""

INSTITUTION: Final = re.compile(
    r"\b(?:hospitals?|clinics?|klinik(?:um|en)?|medical cent(?:er|re)|health ?care|health system|"
    r"universit\w+|infirmary|krankenhaus|spital|praxis|mvz|h[oô]pital|centre hospitalier|chr?u?|clinique|"
    r"cl[ií]nica|ospedale|policlinico|casa di cura|ziekenhuis|sjukhuset?|sygehus|sykehus|szpital|nemocnice|"
    r"hastanesi|больница|"
    r"medical group|radiology associates|imaging cent(?:er|re)|imaging associates|nursing home|permanente|"
    r"gemeinschaftspraxis|ärztehaus|lasarett|sairaala|kórház|umc|uz|"
    r"children'?s|nhs trust|memorial|sanatorium|hospice)\b",
    re.IGNORECASE,
)
TRADE: Final = re.compile(
    r"\b(?:imaging|radiology|radiologie|radiología|radiologia|diagnostics|diagnostik|orthopa?edics|oncology|"
    r"cardiology|neurology|urology|labs?|laborator(?:y|ies)|rehab(?:ilitation)?)\b",
    re.IGNORECASE,
)
"""What an institution does: part of its name only after a word that nothing else explains."""
INSTITUTION_WORDS: Final = frozenset(
    "general memorial regional community university county city national royal saint st children's "
    "childrens veterans presbyterian methodist baptist lutheran jewish catholic sacred heart good "
    "north south east west northern southern eastern western central medical center centre "
    "hospital clinic school of and the".split()
)

DESCRIPTORS: Final = frozenset(
    "ct cta ctv mr mri mra mrt mrcp irm rm rx rtg xr cr dx us pet spect nm tc tac ktg kt tk film films images image study "
    "studies exam examen scan scanner prior previous outside external old new recent report reports compare compared "
    "comparison standard routine general diagnostic diagnostics advanced emergency interventional pediatric paediatric "
    "adult breast chest thorax lung lungs head brain skull neck abdomen abdominal pelvis pelvic spine cervical thoracic "
    "lumbar sacral knee hip shoulder wrist hand elbow ankle foot leg arm femur tibia liver kidney renal cardiac heart "
    "coronary vascular carotid thyroid prostate bone bones joint soft tissue facial orbit orbits sinus sinuses temporal "
    "pituitary bowel colon rectum stomach spleen pancreas bladder uterus obstetric fetal musculoskeletal body whole full "
    "left right bilateral both upper lower anterior posterior lateral medial axial sagittal coronal contrast with without "
    "and or for from to in at by per via see please the this that same our your all any no further additional follow up "
    "repeat post pre cross sectional clinical medical nuclear molecular functional structural dynamic diffusion perfusion "
    "phase fast rapid parallel radiation research department dept division section service services unit team dual single "
    "energy echo doppler ultrasound magnetic resonance computed digital portable mobile spectral fat water chemical shift "
    "becken schädel kopf hals lunge leber knie hüfte schulter abdomen angio röntgen kontrolle verlauf genou bassin crâne "
    "poumon rachis hanche épaule torace bacino cranio ginocchio tórax rodilla cadera hombro cráneo knä höft".split()
)
"""Words of descriptors that stand before and after institutions and are no part of their names."""

_EPONYM_NOUNS = (
    "disease diseases syndrome syndromes fracture fractures dislocation sign signs cyst cysts node nodes nodule "
    "nodules lesion lesions procedure anastomosis catheter classification class score scoring grade grading stage "
    "staging scale criteria space spaces cave ligament fascia pouch hernia tumor tumour operation repair line lines "
    "view views projection method technique test angle ratio index loop foramen canal duct gland glands body bodies "
    "plexus fissure tendon palsy paralysis lymphoma sarcoma carcinoma thyroiditis arthritis arthropathy arthrosis "
    "osteochondrosis kyphosis deformity malformation anomaly phenomenon spot membrane capsule triangle muscle artery "
    "vein nerve area gyrus type unit units number wire wires nail plate screw prosthesis shunt tube drain stent filter "
    "bypass injury tear reflex node's contracture neuroma esophagus oesophagus ulcer diverticulum gangrene chorea "
    "ataxia dystrophy dementia thrombosis vasculitis granulomatosis nephritis purpura anemia anaemia position maneuver "
    "manoeuvre protocol stain classificatie ziekte "
    "zyste krankheit syndrom fraktur arthrose zeichen knoten knötchen hernie op operation katheter drüse band dreieck "
    "klassifikation tumor naht plastik prothese residuen winkel linie raum räume kontraktur lymphom sarkom thyreoiditis "
    "maladie signe kyste nodule canal choroba zespół syndroom breuk fractuur"
).split()
EPONYM_NOUNS: Final = frozenset(_EPONYM_NOUNS)
EPONYM_BEFORE: Final = re.compile(
    r"(?:\bmorbus|\bm\.|\b(?:maladie|syndrome|signe|fracture|kyste|hernie|canal|ligament|lymphome|score) (?:de |d['’])|"
    r"\b(?:enfermedad|s[ií]ndrome|fractura|signo|quiste|hernia|doença|doenca|fratura|sinal|cisto|linfoma|escala) de|"
    r"\b(?:malattia|morbo|sindrome|frattura|segno|cisti|ernia|linfoma|dotto|scala) di|\bmorbo|"
    r"\b(?:ziekte|syndroom|fractuur) van|\b(?:choroba|zespół|objaw|złamanie)|\b(?:nemoc|syndrom|zlomenina)|"
    r"\b(?:disease|circle|duct|ligament|canal|angle|sign|line|triangle|ampulla|sphincter|sinus|space|fossa|"
    r"tetralogy|valve|vein|artery|node|island|capsule|cave|cistern|foramen) of|"
    r"\b(?:болезнь|синдром|перелом|симптом|киста)) ?(?:de |di )?$",
    re.IGNORECASE,
)

CUE_WORDS: Final = frozenset(
    fold(word)
    for word in (
        "mrn accession acc ssn nhs nhc ipp nip pid dob geb né née nata nato nacido pesel dni nif cpf bsn tel tfno tlf fax "
        "pager mobile handy gsm zuweiser zuweiserin überweiser überweiserin untersucher mtra mta oberarzt chefarzt "
        "médecin manipulateur manipulatrice prescripteur médico medico refertante solicitante paciente paziente doente "
        "patiënt aanvrager verwijzer lekarz pacjent pacjentka lékař läkare læge hasta врач пациент пациентка "
        "befundet angefordert unterschrieben signé validé firmado firmato dicté opisał lek hrs uhr lat"
    ).split()
)
"""Labels of names and numbers: they say nothing of a person themselves."""
