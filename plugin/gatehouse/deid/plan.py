"""Compile a recipe, with the tables of the Standard, into what the engine looks up.

``compile_plan(recipe).for_sop_class(uid).level(path)[tag]`` is the rule for an element. Levels are
dictionaries that fill themselves, so that the engine's inner loop is one look-up. The decisions
behind it are docs/adr/0003-options-that-disagree.md and 0004-types-decide-compound-codes.md.
Nothing here reads a value of an attribute.
"""

from __future__ import annotations

from gatehouse.deid.exceptions import Exceptions, PrivateTag
from gatehouse.deid.options import check_options, longitudinal_marking, method_codes
from gatehouse.deid.recipe import Recipe
from gatehouse.deid.resolve import TOP, Context, Mode, Resolver
from gatehouse.deid.rules import KEEP, PRIVATE, UNKNOWN, Rule
from gatehouse.deid.unlisted import restricted
from gatehouse.errors import PolicyError
from gatehouse.standard import attribute_types
from gatehouse.standard._safe_private import ELEMENTS as SAFE_PRIVATE

__all__ = ["KEEP", "PRIVATE", "UNKNOWN", "Level", "ObjectPlan", "Plan", "Rule", "compile_plan"]

Path = tuple[int, ...]

# A hostile file can name any number of tags and paths. What is remembered of them is bounded;
# beyond it a rule is worked out again each time, which is slower and nothing else.
_RULES_PER_LEVEL_MAX = 8192
_LEVELS_MAX = 4096

_CLEANING = frozenset({"clean-descriptors", "clean-structured-content", "retain-safe-private"})
"""The options under which free text is cleaned and not removed."""


class Level(dict[int, Rule]):
    """The rules of the data set at one path, worked out when they are first asked for."""

    __slots__ = ("_path", "_plan", "context")

    def __init__(self, plan: ObjectPlan, path: Path, context: Context) -> None:
        super().__init__()
        self._plan = plan
        self._path = path
        self.context = context

    def __missing__(self, tag: int) -> Rule:
        rule = self._plan.resolve(self._path, self.context, tag)
        if len(self) < _RULES_PER_LEVEL_MAX:
            self[tag] = rule
        return rule


class ObjectPlan:
    """The rules for instances of one SOP class."""

    def __init__(
        self,
        exceptions: Exceptions,
        resolver: Resolver,
        safe_private: bool,
        only_listed: bool = False,
    ) -> None:
        self._exceptions = exceptions
        self._resolver = resolver
        self._safe_private = safe_private
        self._only_listed = only_listed
        self._levels: dict[Path, Level] = {}

    def level(self, path: Path) -> Level:
        """Return the rules of the data set at this path of sequence tags; ``()`` is the top."""
        found = self._levels.get(path)
        if found is None:
            found = Level(self, path, self._context(path))
            if len(self._levels) < _LEVELS_MAX:
                self._levels[path] = found
        return found

    def private(
        self,
        path: Path,
        group: int,
        creator: str,
        element: int,
        vr: str = "",
        *,
        is_declared_safe: bool = False,
    ) -> Rule:
        """Return the rule for a private element.

        Parameters
        ----------
        path : tuple of int
            Tags of the sequences above.
        group : int
            Its group, odd.
        creator : str
            The private creator of its block; surrounding spaces don't count.
        element : int
            The low byte of its element number.
        vr : str, optional
            Its VR in the file. One that is not that of Table E.3.10-1 shows that it is something
            else than what is known to be safe.
        is_declared_safe : bool
            Whether the instance says that it is safe; see `declared`.
        """
        creator = creator.strip()
        rule = self._exceptions.find(path, PrivateTag(group, creator, element))
        if rule is not None:
            return rule
        if self._safe_private:
            known = SAFE_PRIVATE.get((creator, group), {}).get(element)
            is_open = vr in ("", "UN")
            if known is not None:
                if not is_open and known != "UN" and vr not in known.split("/"):
                    return PRIVATE
                return self._resolver.private(self.level(path).context, known)
            if is_declared_safe and not is_open:
                return self._resolver.private(self.level(path).context, vr)
        return PRIVATE

    def resolve(self, path: Path, context: Context, tag: int) -> Rule:
        """Work out the rule for a public element; for a private one, that of an unknown creator."""
        if tag >> 16 & 1:
            return PRIVATE
        rule = self._exceptions.find(path, tag)
        if rule is not None:
            return rule
        rule = self._resolver.public(path, context, tag)
        return restricted(path, tag, rule) if self._only_listed else rule

    def _context(self, path: Path) -> Context:
        """Return what the sequences above mean, the innermost with a say first."""
        if not path:
            return TOP
        above = self.level(path[:-1])
        if path[-1] >> 16 & 1:
            # Which private sequence it is, is not known here; it is there because it was kept.
            cleaned = Context(Mode.CLEANED, "retain-safe-private")
            return above.context if above.context.mode is Mode.REPLACED else cleaned
        rule = above[path[-1]]
        if rule.code == "C":
            return Context(Mode.CLEANED, rule.source)
        if rule.code in ("K", "U"):
            return TOP if rule.source == "policy" else above.context
        return Context(Mode.REPLACED, rule.source)


class Plan:
    """A recipe, compiled. Cheap to send to another process: only the recipe travels."""

    def __init__(self, recipe: Recipe) -> None:
        if recipe.profile not in ("basic", "none"):
            raise PolicyError(f"there is no profile {recipe.profile!r}; PS3.15 E.2 defines basic")
        if recipe.profile == "none" and (recipe.options or recipe.attributes):
            raise PolicyError("without a profile there are no options and no exceptions")
        check_options(recipe.options)
        self.recipe = recipe
        self.method_codes = method_codes(recipe.options)
        self.longitudinal = longitudinal_marking(recipe.options)
        self._exceptions = Exceptions(recipe.attributes)
        self._objects: dict[str | None, ObjectPlan] = {}

    def __reduce__(self) -> tuple[type[Plan], tuple[Recipe]]:
        return Plan, (self.recipe,)

    @property
    def cleans_texts(self) -> bool:
        """Whether it matters what other instances of a study say of persons."""
        return cleans_texts(self.recipe)

    def for_sop_class(self, sop_class_uid: str) -> ObjectPlan:
        """Return the rules for a SOP class; all that PS3.4 doesn't know share the strictest."""
        iod = attribute_types.iod_of(sop_class_uid)
        found = self._objects.get(iod)
        if found is None:
            options = self.recipe.options
            resolver = Resolver(options, iod)
            found = ObjectPlan(
                self._exceptions,
                resolver,
                "retain-safe-private" in options,
                self.recipe.unlisted == "remove",
            )
            self._objects[iod] = found
        return found


def cleans_texts(recipe: Recipe) -> bool:
    """Tell if a recipe keeps free texts in part, so that all names in a study matter."""
    return bool(_CLEANING & recipe.options) or any(
        attribute.action == "clean-text" for attribute in recipe.attributes
    )


def compile_plan(recipe: Recipe) -> Plan:
    """Compile a recipe.

    Raises
    ------
    PolicyError
        If an option is not known, can't be carried out or excludes another, or if an exception
        names no attribute, or one attribute twice.
    """
    return Plan(recipe)
