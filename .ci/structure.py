"""How the code is laid out, in figures: what `make structure` prints and tests/test_house.py holds to its limits."""

from __future__ import annotations

import ast
import functools
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path

import grimp

ROOT = Path(__file__).resolve().parents[1]
ROOMS = ("agents", "baselines", "configs", "envs", "experiments")
PACKAGE = "wattward"


def modules(rooms: tuple[str, ...] = ROOMS) -> list[Path]:
    """Python files of the rooms, relative to the repository."""
    return sorted(path.relative_to(ROOT) for room in rooms for path in (ROOT / room).rglob("*.py"))


def modules_by_folder(rooms: tuple[str, ...] = ROOMS) -> Counter[str]:
    """How many modules lie in each folder, its `__init__` among them."""
    return Counter(path.parent.as_posix() for path in modules(rooms))


def longest_chain() -> list[str]:
    """The longest way along imports from one module to the next, those inside functions among them.

    Imports for type checkers alone are left out: they never run.

    Raises:
        ValueError: modules import each other in a circle.
    """
    sys.path.insert(0, str(ROOT / "src"))
    graph = grimp.build_graph(
        PACKAGE, include_external_packages=False, exclude_type_checking_imports=True, cache_dir=None
    )
    on_the_way: set[str] = set()

    @functools.cache
    def below(module: str) -> tuple[str, ...]:
        if module in on_the_way:
            raise ValueError(f"{module} imports itself by way of others")
        on_the_way.add(module)
        imported = sorted(graph.find_modules_directly_imported_by(module) - {module})
        longest = max((below(other) for other in imported), key=len, default=())
        on_the_way.discard(module)
        return (module, *longest)

    return list(max((below(module) for module in sorted(graph.modules)), key=len))


def imports_for_a_constant() -> list[str]:
    """Modules that import a sibling for nothing but constants, as `module: sibling (NAMES)`.

    A sibling that holds no function is a table, and there to be imported for what it holds.
    """
    found = []
    for path in modules():
        for sibling, names in _taken_from_siblings(path).items():
            tree = ast.parse((ROOT / sibling).read_text(encoding="utf-8"))
            works = any(isinstance(node, ast.FunctionDef) for node in ast.walk(tree))
            if works and names <= {name for name in _assigned(tree) if name.isupper()}:
                found.append(f"{path}: {sibling} ({', '.join(sorted(names))})")
    return found


def _taken_from_siblings(path: Path) -> dict[Path, set[str]]:
    """Names that a module imports from modules of its own folder; whole modules are left out."""
    taken, whole = defaultdict[Path, set[str]](set), set[Path]()
    for node in ast.walk(ast.parse((ROOT / path).read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith(f"{PACKAGE}."):
            source = Path(*node.module.split(".")[1:])
            for alias in node.names:
                if (ROOT / source / f"{alias.name}.py").is_file():
                    whole.add(source / f"{alias.name}.py")
                elif source.parent == path.parent and (ROOT / source.with_suffix(".py")).is_file():
                    taken[source.with_suffix(".py")].add(alias.name)
    return {sibling: names for sibling, names in taken.items() if sibling not in whole}


def _assigned(tree: ast.Module) -> Iterator[str]:
    for node in tree.body:
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        for target in targets:
            yield from (name.id for name in ast.walk(target) if isinstance(name, ast.Name)) if target else ()


def lines_of_code() -> int:
    """Lines of all modules, tests left out."""
    return sum(len((ROOT / path).read_text(encoding="utf-8").splitlines()) for path in modules())


def mean_identifier_length() -> float:
    """Mean letters of what modules define: functions, classes, arguments and variables, each once a module."""
    lengths = [len(name) for path in modules() for name in set(_defined(ROOT / path))]
    return sum(lengths) / len(lengths)


def _defined(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.arg):
            yield node.arg
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id


def main() -> None:
    """Prints all figures."""
    folders, chain = modules_by_folder(), longest_chain()
    say = sys.stdout.write
    say(f"modules: {sum(folders.values())} in {len(folders)} folders\n")
    for folder, count in sorted(folders.items()):
        say(f"  {count:>3}  {folder}\n")
    say(f"longest import chain: {len(chain)}\n")
    for module in chain:
        say(f"       {module.removeprefix(f'{PACKAGE}.')}\n")
    alone = imports_for_a_constant()
    say(f"imports of a sibling for a constant alone: {len(alone)}\n")
    for line in alone:
        say(f"       {line}\n")
    say(f"lines of code without tests: {lines_of_code():,}\n")
    say(f"mean identifier length: {mean_identifier_length():.2f} letters\n")


if __name__ == "__main__":
    main()
