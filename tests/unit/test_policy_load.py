"""The loader: every problem of a policy, at its line, with what to do.

Goal: an administrator never has to guess what is meant. Method: one mistake each in a policy that
is otherwise valid, and the whole text of what is printed is compared.
"""

from __future__ import annotations

import pytest

from gatehouse.policy.model import Answer, Condition, Delivery, Retry
from support.policies import SECTIONS, a_policy, policy_text, problems_in, problems_of

DEIDENTIFY = "{{profile: basic, project: lung-ai, {}}}"


def attributes(rule: str) -> str:
    return DEIDENTIFY.format(f"attributes: {{{rule}}}")


def test_a_policy_that_says_only_what_it_must_has_no_problem() -> None:
    policy = a_policy()

    assert policy.stage == "active"
    assert policy.match.kind == "every-study"
    assert policy.recipe.suspicious_pixels == "hold"
    assert policy.deliver == (Delivery("research-pacs", "dicom", Retry(), None),)
    assert policy.keep_local_label is None
    assert policy.retain_original_s is None


def test_everything_that_a_policy_says_is_in_its_value() -> None:
    policy = a_policy(
        version="3",
        owner="me@hospital.example",
        stage="observe",
        match="{all: [{called-aet: {in: [A, B]}}, {StudyDate: {before: 2026-03-31}}]}",
        check="[{id: adults, every-instance: {PatientAge: {at-least: 18Y, if-missing: no-match}}, "
        "otherwise: reject, because: the approval}]",
        deidentify="{profile: basic, project: p, options: [retain-uids], unknown-private: remove, "
        "attributes: {PatientComments: {action: replace, with: x, because: y}}}",
        pixels="{suspicious: accept, because: phantoms only}",
        deliver='[{to: a, via: peer, retry: {for: 1d, backoff: 10s..5m}, window: "18:00-07:00"}]',
        keep_local="{label: a_b-C}",
        retain_original="2w",
    )

    assert (policy.name, policy.version, policy.stage) == ("lung", 3, "observe")
    assert policy.match == Condition(
        "all",
        (
            Condition("compare", (), "called-aet", "in", ("A", "B"), line=4),
            Condition(
                "compare", (), "StudyDate", "before", "2026-03-31", line=4, compared_as="date"
            ),
        ),
        line=4,
    )
    (check,) = policy.checks
    assert (check.id, check.otherwise, check.because, check.line) == (
        "adults",
        "reject",
        "the approval",
        9,
    )
    assert check.condition.kind == "every-instance"
    assert check.condition.children[0].if_missing is Answer.NO
    assert check.condition.children[0].compared_as == "age"
    assert policy.recipe.options == {"retain-uids"}
    assert policy.recipe.attributes[0].parameters == {"with": "x"}
    assert policy.recipe.attributes[0].line == 5
    assert policy.recipe.suspicious_pixels == "accept"
    assert policy.deliver == (
        Delivery("a", "peer", Retry(86400.0, 10.0, 300.0), ("18:00", "07:00")),
    )
    assert policy.keep_local_label == "a_b-C"
    assert policy.retain_original_s == 14 * 86400.0
    assert policy.recipe.digest == policy.digest


@pytest.mark.parametrize(
    ("sections", "message"),
    [
        # Keys and shapes.
        (
            {"stagee": "active"},
            'lung.yaml:7: error: the policy has an unknown key "stagee"\nhint: did you mean stage?',
        ),
        ({"match": None}, 'lung.yaml:1: error: the policy has no key "match"'),
        (
            {"version": '"1"'},
            'lung.yaml:2: error: "version" must be a whole number, and not the text "1"',
        ),
        (
            {"version": "0"},
            'lung.yaml:2: error: "version" can\'t be 0\nhint: it is from 1 to 999999',
        ),
        (
            {"description": "2026"},
            'lung.yaml:3: error: "description" must be text, and not a whole number\n'
            'hint: write it in quotes: "2026"',
        ),
        (
            {"stage": "live"},
            'lung.yaml:7: error: "stage" can\'t be "live"\nhint: known here: active, observe, off',
        ),
        (
            {"policy": "Lung AI"},
            'lung.yaml:1: error: "policy" can\'t be "Lung AI"\n'
            "hint: it takes lower-case letters, digits and single hyphens, such as lung-ai",
        ),
        (
            {"policy": '"lung\\n"'},
            'lung.yaml:1: error: "policy" can\'t be "lung\\n"\n'
            "hint: it takes lower-case letters, digits and single hyphens, such as lung-ai",
        ),
        (
            {"match": "every-stduy"},
            'lung.yaml:4: error: "match" can\'t be "every-stduy"\nhint: did you mean every-study?',
        ),
        (
            {"match": "[every-study]"},
            'lung.yaml:4: error: "match" must be every-study or keys with values, and not a list',
        ),
        (
            {"retain_original": "30 days"},
            'lung.yaml:7: error: "retain-original" can\'t be "30 days"\n'
            "hint: it takes a duration such as 30d, or forever",
        ),
        (
            {"keep_local": "{label: a b}"},
            'lung.yaml:7: error: "label" can\'t be "a b"\n'
            "hint: it takes letters, digits, hyphens and underscores",
        ),
        ({"pixels": "{suspicious: accept}"}, 'lung.yaml:7: error: "pixels" has no key "because"'),
        (
            {"pixels": "{suspicious: hold, because: x}"},
            'lung.yaml:7: error: "pixels" has an unknown key "because"\n'
            "hint: known here: suspicious",
        ),
        # What is done to the instances.
        (
            {"deidentify": "{profile: basik, project: p}"},
            'lung.yaml:5: error: "profile" can\'t be "basik"\nhint: did you mean basic?',
        ),
        (
            {"deidentify": "{profile: basic}"},
            'lung.yaml:5: error: "deidentify" has no key "project"',
        ),
        (
            {"deidentify": DEIDENTIFY.format("options: [retain-uid]")},
            'lung.yaml:5: error: an entry of "options" can\'t be "retain-uid"\n'
            "hint: did you mean retain-uids?",
        ),
        (
            {"deidentify": DEIDENTIFY.format("options: [retain-uids, retain-uids]")},
            'lung.yaml:5: error: "retain-uids" is in "options" twice',
        ),
        (
            {
                "deidentify": DEIDENTIFY.format(
                    "options: [retain-modified-dates, retain-full-dates]"
                )
            },
            'lung.yaml:5: error: the options "retain-full-dates" and "retain-modified-dates" '
            "exclude each other\nhint: PS3.15 E.3.6: choose one",
        ),
        (
            {"deidentify": DEIDENTIFY.format("options: [clean-pixel-data]")},
            'lung.yaml:5: error: the option "clean-pixel-data" is not available yet\n'
            "hint: PS3.15 E.3.1 needs a pixel stage; leave it out, and let images that may show "
            "identities be held",
        ),
        (
            {"deidentify": DEIDENTIFY.format("options: [clean-recognizable-visual-features]")},
            'lung.yaml:5: error: the option "clean-recognizable-visual-features" is not available '
            "yet\nhint: PS3.15 E.3.2 needs a pixel stage; leave it out, and let images that may "
            "show identities be held",
        ),
        (
            {"deidentify": DEIDENTIFY.format("dates: {preserve-weekday: true}")},
            'lung.yaml:5: error: "dates" says how dates are moved, and nothing in this policy '
            'moves them\nhint: add the option retain-modified-dates, or leave "dates" out',
        ),
        # Exceptions for single attributes.
        (
            {"deidentify": attributes("PatientBirtDate: {action: remove, because: x}")},
            "lung.yaml:5: error: PatientBirtDate is not an attribute's keyword\n"
            "hint: did you mean PatientBirthDate?",
        ),
        (
            {"deidentify": attributes('"(0019,1001)": {action: keep, because: x}')},
            "lung.yaml:5: error: (0019,1001) is private, and is written with its creator: "
            "(gggg,{CREATOR},ee)",
        ),
        (
            {"deidentify": attributes('"(0010,1234)": {action: keep, because: x}')},
            "lung.yaml:5: error: (0010,1234) is not in the Standard's dictionary",
        ),
        (
            {"deidentify": attributes("patientname: {action: remove, because: x}")},
            'lung.yaml:5: error: "attributes" has an unknown key "patientname"\n'
            "hint: did you mean PatientName?",
        ),
        (
            {"deidentify": attributes("StudyDescription: {action: keep}")},
            'lung.yaml:5: error: "StudyDescription" has no key "because"',
        ),
        (
            {"deidentify": attributes("StudyDescription: {because: x}")},
            'lung.yaml:5: error: "StudyDescription" has no key "action"\n'
            "hint: known here: clean-text, dummy, empty, generalize, keep, new-uid, pseudonym, "
            "remove, replace, shift-date, truncate-date",
        ),
        (
            {"deidentify": attributes("StudyDescription: {action: kept, because: x}")},
            'lung.yaml:5: error: "action" can\'t be "kept"\nhint: did you mean keep?',
        ),
        (
            {"deidentify": attributes("StudyDescription: {action: replace, because: x}")},
            'lung.yaml:5: error: "StudyDescription" has no key "with"',
        ),
        (
            {"deidentify": attributes("StudyDescription: {action: remove, with: a, because: x}")},
            'lung.yaml:5: error: "StudyDescription" has an unknown key "with"\n'
            "hint: known here: action, because",
        ),
        (
            {"deidentify": attributes("StudyDate: {action: new-uid, because: x}")},
            'lung.yaml:5: error: StudyDate is DA and can\'t take the action "new-uid"\n'
            "hint: it takes: keep, remove, empty, dummy, replace, shift-date, truncate-date",
        ),
        (
            {"deidentify": attributes("PatientComments: {action: shift-date, because: x}")},
            'lung.yaml:5: error: PatientComments is LT and can\'t take the action "shift-date"\n'
            "hint: it takes: keep, remove, empty, dummy, replace, pseudonym, clean-text",
        ),
        (
            {"deidentify": attributes("PixelData: {action: clean-text, because: x}")},
            'lung.yaml:5: error: PixelData is OB or OW and can\'t take the action "clean-text"\n'
            "hint: it takes: keep, remove, empty, dummy",
        ),
        (
            {"deidentify": attributes("StudyInstanceUID: {action: remove, because: x}")},
            "lung.yaml:5: error: StudyInstanceUID can't be treated so: an object needs it\n"
            "hint: use new-uid or keep",
        ),
        (
            {"deidentify": attributes("SOPClassUID: {action: new-uid, because: x}")},
            "lung.yaml:5: error: SOPClassUID can't be treated so: the object could not be read any "
            "more",
        ),
        (
            {"deidentify": attributes('"(0002,0010)": {action: keep, because: x}')},
            "lung.yaml:5: error: (0002,0010) is file meta information, and not part of the data "
            "set",
        ),
        (
            {"deidentify": attributes('"(0010,0000)": {action: keep, because: x}')},
            "lung.yaml:5: error: (0010,0000) is a group length, which is always removed",
        ),
        (
            {"deidentify": attributes("DeidentificationMethod: {action: keep, because: x}")},
            "lung.yaml:5: error: DeidentificationMethod says how the object was de-identified, and "
            "is always written by Gatehouse\nhint: PS3.15 E.1.1",
        ),
        (
            {
                "deidentify": attributes(
                    "PatientSex: {action: empty, because: x}, "
                    '"(0010,0040)": {action: remove, because: x}'
                )
            },
            "lung.yaml:5: error: (0010,0040) is the same attribute as PatientSex",
        ),
        (
            {"deidentify": attributes("PatientName/PatientID: {action: keep, because: x}")},
            "lung.yaml:5: error: PatientName/PatientID: only a sequence (SQ) has attributes in it",
        ),
        (
            {"deidentify": attributes('"(0019,{A},01)/PatientID": {action: keep, because: x}')},
            "lung.yaml:5: error: (0019,{A},01)/PatientID: a path can't lead through a private "
            "sequence\nhint: name the attribute alone; it is then meant at every depth",
        ),
        (
            {"deidentify": attributes("PatientSex: {action: replace, with: other, because: x}")},
            "lung.yaml:5: error: the replacement is no valid value of CS\nhint: PS3.5 Table 6.2-1",
        ),
        (
            {"deidentify": attributes("StudyDate: {action: replace, with: 20260231, because: x}")},
            "lung.yaml:5: error: the replacement is no valid value of DA\nhint: PS3.5 Table 6.2-1",
        ),
        (
            {"deidentify": attributes("StudyDate: {action: truncate-date, to: day, because: x}")},
            'lung.yaml:5: error: "to" can\'t be "day"\nhint: known here: month, year',
        ),
        # Destinations.
        (
            {"deliver": "[{to: a, via: ftp}]"},
            'lung.yaml:6: error: "via" can\'t be "ftp"\n'
            "hint: known here: dicom, dicomweb, folder, peer, s3",
        ),
        (
            {"deliver": "[{to: a, via: s3, verify: query}]"},
            'lung.yaml:6: error: "verify" has no use for deliveries via s3\n'
            "hint: the digest of each object is compared with what was written anyway; leave it "
            "out",
        ),
        (
            {"deliver": "[{to: a, via: peer, verify: commitment}]"},
            "lung.yaml:6: error: there is no storage commitment for deliveries via peer\n"
            'hint: PS3.4 Annex J is for dicom; use "query"',
        ),
        (
            {"deliver": "[{to: a, via: dicom, transfer-syntax: [JPEGLosless]}]"},
            'lung.yaml:6: error: an entry of "transfer-syntax" can\'t be "JPEGLosless"\n'
            "hint: did you mean JPEGLossless?",
        ),
        (
            {"deliver": "[{to: a, via: peer}, {to: a, via: peer}]"},
            'lung.yaml:6: error: "a" via peer is in "deliver" twice',
        ),
        (
            {"deliver": "[{to: a, via: peer, retry: {for: 3 days}}]"},
            'lung.yaml:6: error: "for" can\'t be "3 days"\n'
            "hint: it takes a duration such as 30s, 15m, 12h, 3d or 2w",
        ),
        (
            {"deliver": "[{to: a, via: peer, retry: {backoff: 1h..30s}}]"},
            "lung.yaml:6: error: the first pause of backoff is longer than the longest",
        ),
        (
            {"deliver": '[{to: a, via: peer, window: "18:00-18:00"}]'},
            'lung.yaml:6: error: "window" ends when it begins, and would never be open\n'
            "hint: leave it out if deliveries may run at any time",
        ),
        (
            {"deliver": "[{to: a, via: peer, window: 18-7}]"},
            'lung.yaml:6: error: "window" can\'t be "18-7"\n'
            'hint: it takes local times such as "18:00-07:00"',
        ),
        (
            {"deliver": "[{to: a, via: peer, window: 25:00-07:00}]"},
            'lung.yaml:6: error: "window" can\'t be "25:00-07:00"\n'
            'hint: it takes local times such as "18:00-07:00"',
        ),
    ],
)
def test_a_mistake_is_named_at_its_line(sections: dict[str, str | None], message: str) -> None:
    assert problems_of(**sections) == [message]


@pytest.mark.parametrize(
    ("condition", "message"),
    [
        (
            "{PatientBirtDate: {exists: true}}",
            "lung.yaml:4: error: PatientBirtDate is not an attribute's keyword\n"
            "hint: did you mean PatientBirthDate?",
        ),
        (
            "{modality: {is: CT}}",
            'lung.yaml:4: error: "match" has an unknown key "modality"\n'
            "hint: did you mean Modality?",
        ),
        (
            '{"PatientAge\\n": {is: CT}}',
            'lung.yaml:4: error: "match" has an unknown key "PatientAge\\n"\n'
            "hint: did you mean PatientAge?",
        ),
        (
            "{called-ae: {is: CT}}",
            'lung.yaml:4: error: "match" has an unknown key "called-ae"\n'
            "hint: did you mean called-aet?",
        ),
        (
            "{Modality: {equals: CT}}",
            'lung.yaml:4: error: "Modality" has an unknown key "equals"\n'
            "hint: known here: after, at-least, at-most, before, contains, ends-with, exists, "
            "if-missing, in, is, matches, starts-with",
        ),
        (
            "{Modality: CT}",
            'lung.yaml:4: error: "Modality" must be keys with values, and not the text "CT"',
        ),
        ("{Modality: {in: []}}", 'lung.yaml:4: error: "in" is an empty list'),
        (
            "{Modality: {in: CT}}",
            'lung.yaml:4: error: "in" must be a list, and not the text "CT"',
        ),
        ("{Modality: {is: ''}}", 'lung.yaml:4: error: "is" is empty'),
        (
            "{BurnedInAnnotation: {is: true}}",
            'lung.yaml:4: error: "is" must be text or a whole number, and not true or false\n'
            'hint: write it in quotes: "true"',
        ),
        (
            "{Modality: {is: }}",
            'lung.yaml:4: error: "is" has no value\nhint: it takes text or a whole number',
        ),
        (
            "{Modality: {if-missing: match}}",
            'lung.yaml:4: error: "Modality" has no comparison\n'
            "hint: add one of: is, in, contains, starts-with, ends-with, matches, exists, "
            "at-least, at-most, before, after",
        ),
        (
            "{Modality: {exists: true, if-missing: match}}",
            'lung.yaml:4: error: "if-missing" has no use beside "exists", which is never unknown',
        ),
        (
            "{PatientAge: {at-least: 18}}",
            "lung.yaml:4: error: 18 can't be compared\n"
            "hint: it takes an age such as 18Y, 6M, 2W or 3D",
        ),
        (
            "{StudyDate: {before: 31.3.2026}}",
            'lung.yaml:4: error: "31.3.2026" can\'t be compared\n'
            "hint: it takes a date such as 2026-03-31",
        ),
        (
            "{StudyDate: {before: 2026-02-30}}",
            'lung.yaml:4: error: "2026-02-30" can\'t be compared\n'
            "hint: it takes a date such as 2026-03-31",
        ),
        (
            "{StudyDescription: {before: 2026-13-01}}",
            'lung.yaml:4: error: "before" can\'t be asked of this with "2026-13-01"\n'
            "hint: it takes a date such as 2026-03-31 or a time such as 18:30",
        ),
        (
            "{SliceThickness: {before: 3}}",
            'lung.yaml:4: error: "before" can\'t be asked of this with 3\n'
            "hint: it takes a date such as 2026-03-31 or a time such as 18:30",
        ),
        (
            "{remote-address: {in: [10.1.2.300]}}",
            'lung.yaml:4: error: "10.1.2.300" can\'t be compared\n'
            "hint: it takes an address such as 10.1.2.3, or a network such as 10.1.0.0/16",
        ),
        (
            "{StudyDescription: {matches: 'chest(?=CT)'}}",
            "lung.yaml:4: error: this is not a regular expression that RE2 takes: invalid perl "
            "operator: (?=\n"
            "hint: RE2 has no look-around and no back references, so that no value can hang it",
        ),
        (
            "{RequestAttributesSequence: {exists: true}}",
            "lung.yaml:4: error: RequestAttributesSequence is a sequence and has no value to "
            "compare\nhint: ask for a code (is: SCT:51185008), or name an attribute in it: "
            "RequestAttributesSequence/Keyword",
        ),
        (
            "{PixelData: {is: x}}",
            "lung.yaml:4: error: PixelData holds bytes (OB or OW) and can't be compared",
        ),
        (
            "{Modality/PatientID: {is: x}}",
            "lung.yaml:4: error: Modality/PatientID: only a sequence (SQ) has attributes in it",
        ),
        (
            "{every-instance: {number-of-series: {at-least: 2}}}",
            'lung.yaml:4: error: "every-instance" has an unknown key "number-of-series"\n'
            "hint: it is asked of the whole study: put it beside every-instance or any-instance",
        ),
        ("{all: []}", 'lung.yaml:4: error: "all" is an empty list'),
        ("{}", 'lung.yaml:4: error: "match" is empty'),
    ],
)
def test_a_mistake_in_a_condition_is_named_at_its_line(condition: str, message: str) -> None:
    assert problems_of(match=condition) == [message]


@pytest.mark.parametrize(
    ("check", "message"),
    [
        ("{id: a}", "lung.yaml:7: error: the check has no condition"),
        (
            "{Modality: {is: CT}}",
            'lung.yaml:7: error: an entry of "check" has no key "id"',
        ),
        (
            "{id: a, Modality: {is: CT}}, {id: a, Modality: {is: CT}}",
            'lung.yaml:7: error: two checks have the id "a"',
        ),
        (
            "{id: a, Modality: {is: CT}, otherwise: drop}",
            'lung.yaml:7: error: "otherwise" can\'t be "drop"\nhint: known here: hold, reject',
        ),
    ],
)
def test_a_mistake_in_a_check_is_named_at_its_line(check: str, message: str) -> None:
    assert problems_of(check=f"[{check}]") == [message]


def test_all_problems_are_found_at_once() -> None:
    found = problems_of(
        version="x",
        match="{all: [{PatientBirtDate: {exists: true}}, {Modality: {in: []}}]}",
        deidentify="{profile: basic, options: [retain-uid, clean-pixel-data], attributes: "
        "{StudyDate: {action: new-uid, because: x}, PatientSex: {action: keep}}}",
        deliver="[{to: a, via: s3, verify: query}, {to: 5, via: dicom}]",
    )

    assert [problem.split("\n")[0] for problem in found] == [
        'lung.yaml:2: error: "version" must be a whole number, and not the text "x"',
        'lung.yaml:4: error: "in" is an empty list',
        "lung.yaml:4: error: PatientBirtDate is not an attribute's keyword",
        'lung.yaml:5: error: an entry of "options" can\'t be "retain-uid"',
        'lung.yaml:5: error: "PatientSex" has no key "because"',
        'lung.yaml:5: error: "deidentify" has no key "project"',
        'lung.yaml:5: error: the option "clean-pixel-data" is not available yet',
        'lung.yaml:5: error: StudyDate is DA and can\'t take the action "new-uid"',
        'lung.yaml:6: error: "to" must be text, and not a whole number',
        'lung.yaml:6: error: "verify" has no use for deliveries via s3',
    ]


def test_keeping_a_direct_identifier_is_listed_and_allowed() -> None:
    assert problems_of(deidentify=attributes("PatientName: {action: keep, because: phantoms}")) == [
        "lung.yaml:5: warning: PatientName identifies the patient directly, and this policy keeps "
        "it\nhint: have a privacy officer confirm this"
    ]


def test_a_policy_that_releases_to_nobody_is_listed() -> None:
    assert problems_of(deliver=None) == [
        "lung.yaml:1: warning: the policy delivers to nobody and keeps nothing\n"
        'hint: add "deliver", "keep-local" or both'
    ]


def test_an_original_that_goes_before_the_last_try_is_listed() -> None:
    assert problems_of(retain_original="1d") == [
        "lung.yaml:7: warning: the original goes before the last try of a delivery\n"
        'hint: make "retain-original" at least as long as "for" of every retry'
    ]


@pytest.mark.parametrize("destinations", [None, {}, {"dicom": ["research-pacs"]}, {"peer": []}])
def test_a_destination_is_fine_if_it_is_configured_or_if_nobody_knows(
    destinations: dict[str, list[str]] | None,
) -> None:
    assert problems_in(policy_text(), destinations=destinations) == []


def test_a_destination_that_is_not_configured_is_refused() -> None:
    assert problems_in(policy_text(), destinations={"dicom": ["research-pac", "other"]}) == [
        'lung.yaml:6: error: there is no destination "research-pacs" in DicomModalities of '
        "Orthanc's configuration\nhint: did you mean research-pac?"
    ]


def test_without_any_destination_the_hint_says_where_to_add_it() -> None:
    text = policy_text(deliver="[{to: research-pacs, via: peer}]")

    assert problems_in(text, destinations={"peer": []}) == [
        'lung.yaml:6: error: there is no destination "research-pacs" in OrthancPeers of Orthanc\'s '
        "configuration\nhint: add it there, or correct the name"
    ]


def test_the_design_s_example_loads() -> None:
    text = """\
policy: ct-lung-research
version: 3
description: CT chest of the lung-nodule project.
owner: imaging-research@hospital.example
stage: active
match:
  all:
    - called-aet: {in: [LUNGAI]}
    - Modality: {in: [CT]}
    - StudyDescription: {contains: chest, if-missing: no-match}
check:
  - id: adults-only
    every-instance: {PatientAge: {at-least: 18Y}}
    otherwise: hold
    because: the ethics approval covers adults only
deidentify:
  profile: basic
  options: [retain-patient-characteristics, retain-modified-dates, clean-descriptors]
  project: lung-ai
  attributes:
    StudyDescription: {action: keep, because: "fixed list at the scanner"}
    "(0019,{SIEMENS MR HEADER},0C)": {action: keep, because: b-value}
  unknown-private: remove
pixels:
  suspicious: hold
deliver:
  - to: research-pacs
    via: dicom
    retry: {for: 3d, backoff: 30s..1h}
    window: "18:00-07:00"
keep-local: {label: deid-lung-ai}
retain-original: 30d
"""

    assert problems_in(text) == []


def test_the_engine_has_the_last_word_on_what_can_be_carried_out() -> None:
    rule = "RequestAttributesSequence: {action: dummy, because: x}"

    (problem,) = problems_of(deidentify=attributes(rule))

    assert problem.startswith("lung.yaml:5: error: RequestAttributesSequence")


def test_every_required_section_is_needed() -> None:
    for key in ("policy", "version", "match", "deidentify"):
        assert problems_of(**{key: None})[0] == (
            f'lung.yaml:1: error: the policy has no key "{key}"'
        ), SECTIONS
