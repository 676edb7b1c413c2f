"""Write the line numbers of the code references in the docs: python tools/paper_lines.py

A reference is a link such as [`paddle_alexnet/nets/lrn.py:LRN`], a file and a name in it. For each
page the links' targets, with the line where the name is defined, are written at the end of the
page. References that do not resolve are printed, and then the exit code is 1.
"""

import argparse
import ast
import os
import re
import sys
from pathlib import Path

TOP = Path(__file__).resolve().parent.parent
PAGES = ["README.md", "README_cn.md", "CONTRIBUTING.md", "docs/*.md"]
REFERENCE = re.compile(r"\[`([\w./]+\.py):([\w.]+)`\](?![:(])")
MARK = "<!-- Written by tools/paper_lines.py: -->"


def pages() -> list[Path]:
    """The pages that may hold references."""
    return [page for pattern in PAGES for page in sorted(TOP.glob(pattern))]


def find_line(path: Path, name: str) -> int | None:
    """Line (from 1) where a Python file defines ``name``, such as ``LRN.forward``; else None."""
    if not path.is_file():
        return None
    body, line = ast.parse(path.read_text(encoding="utf-8")).body, None
    for part in name.split("."):
        node = next((node for node in body if part in _defined(node)), None)
        if node is None:
            return None
        body, line = getattr(node, "body", []), node.lineno
    return line


def _defined(node: ast.stmt) -> list[str]:
    if isinstance(node, ast.ClassDef | ast.FunctionDef):
        return [node.name]
    targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
    return [target.id for target in targets if isinstance(target, ast.Name)]


def with_lines(page: Path, text: str) -> tuple[str, list[str]]:
    """A page's text with its links' targets written anew, and the references without one."""
    text = text.split(MARK, maxsplit=1)[0].rstrip("\n") + "\n"
    targets, unresolved = [], []
    for path, name in sorted(set(REFERENCE.findall(text))):
        line = find_line(TOP / path, name)
        if line is None:
            unresolved.append(f"{path}:{name}")
            continue
        target = os.path.relpath(TOP / path, page.parent).replace(os.sep, "/")
        targets.append(f"[`{path}:{name}`]: {target}#L{line}\n")
    return (f"{text}\n{MARK}\n\n{''.join(targets)}" if targets else text), unresolved


def main() -> int:
    """Write the pages."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--check", action="store_true", help="write nothing; 1 where lines moved")
    check = parser.parse_args().check
    failed = False
    for page in pages():
        before = page.read_text(encoding="utf-8")
        after, unresolved = with_lines(page, before)
        shown = page.relative_to(TOP)
        for reference in unresolved:
            print(f"{shown}: {reference} does not resolve", file=sys.stderr)
        failed = failed or bool(unresolved)
        if after != before:
            print(f"{shown}: lines {'moved' if check else 'written'}")
            failed = failed or check
            if not check:
                page.write_text(after, encoding="utf-8")
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
