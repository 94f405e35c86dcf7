"""Make a policy of a parsed file, and report everything that is wrong with it.

The schema's problems come from ``shapes``; here is what a schema can't see: attributes that do not
exist, actions that a value representation can't take, options that exclude each other, destinations
that nobody configured. A part that the schema found wrong is left out, so that one mistake does not
hide the others.
"""

from __future__ import annotations

import hashlib
from typing import Any

from gatehouse.deid.plan import compile_plan
from gatehouse.deid.recipe import Recipe
from gatehouse.errors import PolicyError
from gatehouse.policy import units
from gatehouse.policy.build_attributes import build_attributes, gone_above
from gatehouse.policy.build_conditions import EVERY_STUDY, build_condition
from gatehouse.policy.build_deliver import Defaults, DestinationNames, build_deliver
from gatehouse.policy.decide import conditions_of
from gatehouse.policy.logic import contradiction, words_of
from gatehouse.policy.model import Check, Completion, Condition, Policy
from gatehouse.policy.options import NOT_YET as OPTIONS_NOT_YET
from gatehouse.policy.options import OPTIONS
from gatehouse.policy.report import Report
from gatehouse.policy.schema import policy_schema
from gatehouse.policy.shapes import Shapes
from gatehouse.policy.yaml_subset import Node, parse

FORWARDED = "forwarded"
"""The project of policies that do not de-identify; its keys are used for nothing."""

_CHECK_KEYS = frozenset({"id", "otherwise", "because"})


def build_policy(
    content: bytes,
    report: Report,
    destinations: DestinationNames | None = None,
    defaults: Defaults | None = None,
) -> Policy | None:
    """Return the policy of a file; None if anything in it is an error.

    Parameters
    ----------
    content : bytes
        The file.
    report : Report
        Takes the problems.
    destinations : Mapping, optional
        The destinations that are configured; None if nobody knows here.
    defaults : Defaults, optional
        The pack's defaults.
    """
    top = parse(content, report)
    if top is None:
        return None
    shapes = Shapes(policy_schema(), report)
    shapes.check(top, "the policy")
    builder = _Builder(top, shapes, report, destinations, defaults or Defaults())
    policy = builder.build(content)
    if not report.has_errors:
        _check_conditions(policy, report)
        _check_plan(policy, top, report)
    return None if report.has_errors else policy


def _check_plan(policy: Policy, top: Node, report: Report) -> None:
    """Report what the engine would refuse; it has the last word on what can be carried out."""
    try:
        plan = compile_plan(policy.recipe)
    except PolicyError as error:
        report.error(top.line_of("deidentify"), str(error))
        return
    recipe = policy.recipe
    moves = "retain-modified-dates" in recipe.options or any(
        rule.action == "shift-date" for rule in recipe.attributes
    )
    section = top.get("deidentify")
    dates = section.get("dates") if section else None
    if dates is not None and not moves:
        report.error(
            dates.line,
            '"dates" says how dates are moved, and nothing in this policy moves them',
            'add the option retain-modified-dates, or leave "dates" out',
        )
    for rule in recipe.attributes:
        gone = gone_above(rule, plan)
        if gone:
            report.error(
                rule.line,
                f"the rule for {rule.path} can never apply: {gone} is removed or replaced as a "
                "whole",
                f"keep the sequence: {gone}: {{action: keep, because: ...}}",
            )


def _check_conditions(policy: Policy, report: Report) -> None:
    """Report conditions that no study can fulfil."""
    for condition in conditions_of(policy):
        pair = contradiction(condition)
        if pair is not None:
            report.error(
                pair[1].line, f"this can never hold: {words_of(pair)}", "remove or correct one"
            )


class _Builder:
    def __init__(
        self,
        top: Node,
        shapes: Shapes,
        report: Report,
        destinations: DestinationNames | None,
        defaults: Defaults,
    ) -> None:
        self.top = top
        self.shapes = shapes
        self.report = report
        self.destinations = destinations
        self.defaults = defaults

    def _part(self, key: str, of: Node | None = None) -> Node | None:
        """Return a part that is there and right."""
        node = (of or self.top).get(key)
        return node if self.shapes.is_right(node) else None

    def _value(self, key: str, default: Any, of: Node | None = None) -> Any:
        node = self._part(key, of)
        return default if node is None else node.value

    def build(self, content: bytes) -> Policy:
        digest = hashlib.sha256(content).hexdigest()
        name, version = self._value("policy", ""), self._value("version", 0)
        deliver = build_deliver(
            self.top.get("deliver"), self.shapes, self.report, self.destinations, self.defaults
        )
        retain = self._value("retain-original", "forever")
        keep_local = self._part("keep-local")
        policy = Policy(
            name=name,
            version=version,
            description=self._value("description", ""),
            owner=self._value("owner", ""),
            stage=self._value("stage", "active"),
            match=self._match(),
            checks=self._checks(),
            recipe=self._recipe(name, version, digest),
            deliver=deliver,
            keep_local_label=keep_local.value["label"].value if keep_local else None,
            retain_original_s=None if retain == "forever" else units.duration_s(retain),
            digest=digest,
            text=content.decode("utf-8", "replace"),
            complete=self._complete(),
        )
        self._check_release(policy)
        return policy

    def _check_release(self, policy: Policy) -> None:
        if self.top.get("deliver") is None and self.top.get("keep-local") is None:
            self.report.warning(
                self.top.line_of("policy"),
                "the policy delivers to nobody and keeps nothing",
                'add "deliver", "keep-local" or both',
            )
        longest = max((delivery.retry.longest_s for delivery in policy.deliver), default=0.0)
        if policy.retain_original_s is not None and policy.retain_original_s < longest:
            self.report.warning(
                self.top.line_of("retain-original"),
                "the original goes before the last try of a delivery",
                'make "retain-original" at least as long as "for" of every retry',
            )

    def _match(self) -> Condition:
        node = self.top.get("match")
        return build_condition(node, self.shapes, self.report) if node else EVERY_STUDY

    def _complete(self) -> Completion:
        node = self.top.get("complete")
        if node is None or node.kind != "mapping":
            return Completion()
        quiet, wait = self._value("quiet", "", node), self._value("longest-wait", "", node)
        expect = node.get("expect")
        complete = Completion(
            quiet_s=units.duration_s(quiet) if quiet else None,
            expect=build_condition(expect, self.shapes, self.report) if expect else None,
            longest_wait_s=units.duration_s(wait) if wait else None,
            incomplete=self._value("incomplete", "hold", node),
            late_instances=self._value("late-instances", "process", node),
            line=node.line,
        )
        if complete.incomplete == "process" and not wait:
            self.report.error(
                node.line_of("incomplete"),
                '"incomplete: process" can never apply: there is no "longest-wait"',
                'say how long an incomplete study is waited for: "longest-wait: 2h"',
            )
        longest = complete.longest_wait_s
        if complete.quiet_s and longest is not None and longest < complete.quiet_s:
            self.report.error(
                node.line_of("longest-wait"), '"longest-wait" is shorter than "quiet"'
            )
        return complete

    def _checks(self) -> tuple[Check, ...]:
        node = self.top.get("check")
        checks: list[Check] = []
        for element in node.elements() if node else ():
            check = Check(
                id=self._value("id", "", element),
                condition=build_condition(element, self.shapes, self.report, _CHECK_KEYS),
                otherwise=self._value("otherwise", "hold", element),
                because=self._value("because", "", element),
                line=element.line,
            )
            if check.id and any(check.id == other.id for other in checks):
                self.report.error(element.line_of("id"), f'two checks have the id "{check.id}"')
            if element.kind == "mapping" and element.value.keys() <= _CHECK_KEYS:
                self.report.error(element.line, "the check has no condition")
            checks.append(check)
        return tuple(checks)

    def _recipe(self, name: str, version: int, digest: str) -> Recipe:
        section = self.top.get("deidentify")
        pixels = self._part("pixels")
        profile: Any = self._value("profile", "basic", section) if section else "basic"
        if section is not None and section.kind == "mapping":
            self._check_profile(section, profile)
        return Recipe(
            project=self._project(section, profile) if section else "",
            profile=profile,
            because=self._value("because", "", section) if section else "",
            unlisted=self._value("unlisted", "profile", section) if section else "profile",
            options=self._options(section) if section else frozenset(),
            preserves_weekday=self._preserves_weekday(section),
            attributes=build_attributes(section.get("attributes"), self.shapes, self.report)
            if section
            else (),
            suspicious_pixels=pixels.value["suspicious"].value if pixels else "hold",
            policy=name,
            version=version,
            digest=digest,
        )

    def _preserves_weekday(self, section: Node | None) -> bool:
        dates = section.get("dates") if section else None
        return bool(self._value("preserve-weekday", False, dates)) if dates else False

    def _project(self, section: Node, profile: str) -> str:
        """Return the key domain; what is forwarded as it is needs none."""
        return FORWARDED if profile == "none" else str(self._value("project", "", section))

    def _check_profile(self, section: Node, profile: str) -> None:
        """Report what does not go together with the profile."""
        line = section.line_of("profile")
        if profile == "basic":
            if section.get("project") is None:
                self.report.error(section.line, '"deidentify" has no key "project"')
            if section.get("because") is not None:
                self.report.error(
                    section.line_of("because"), '"because" has no use beside "profile: basic"'
                )
            return
        if section.get("because") is None:
            self.report.error(
                line,
                "a policy that does not de-identify says why",
                'add "because", with who is trusted and by what agreement',
            )
        useless = [key for key, _ in section.items() if key not in ("profile", "because")]
        for key in useless:
            self.report.error(section.line_of(key), f'"{key}" has no use beside "profile: none"')
        for key in ("pixels", "keep-local"):
            if self.top.get(key) is not None:
                self.report.error(
                    self.top.line_of(key),
                    f'"{key}" has no use if studies are forwarded as they are',
                )
        self.report.warning(
            line,
            "this policy forwards studies as they are, with the patient's identity",
            "have a privacy officer confirm this",
        )

    def _options(self, section: Node) -> frozenset[str]:
        node = section.get("options")
        right = filter(self.shapes.is_right, node.elements() if node else ())
        lines = {element.value: element.line for element in right}
        for name, line in lines.items():
            if name in OPTIONS_NOT_YET:
                self.report.error(
                    line,
                    f'the option "{name}" is not available yet',
                    f"{OPTIONS[name].source} needs a pixel stage; leave it out, and let images "
                    "that may show identities be held",
                )
            for other in sorted(OPTIONS[name].function() & lines.keys()):
                if name < other:
                    self.report.error(
                        max(line, lines[other]),
                        f'the options "{name}" and "{other}" exclude each other',
                        f"{OPTIONS[name].source}: choose one",
                    )
        return frozenset(lines)
