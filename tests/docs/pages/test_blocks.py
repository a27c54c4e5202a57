"""Marks are read as they are written, also where a list indents a block."""

from __future__ import annotations

from pathlib import Path

from tests.docs.pages.blocks import Fate, blocks

_PAGE = """# A page

<!-- test -->
```sh
joulecut plan problem.json
```

```text
plan: optimal
```

Words between.

```text
no output of the above
```

1. a step
   <!-- not run: needs a Jetson -->
   ```sh
   joulecut device watch jetson
   ```

<!-- test file etc/edge.toml -->
```toml
device = "cpu"
```

<!-- tets -->
```python
print(1)
```
"""


def test_blocks_and_their_marks(tmp_path: Path) -> None:
    """Language, fate, detail, and which text is the output of what stands before it; a misspelt mark is none."""
    page = tmp_path / "page.md"
    page.write_text(_PAGE, encoding="utf-8")
    read = [(block.language, block.fate, block.detail, block.shows_output) for block in blocks(page)]
    assert read == [
        ("sh", Fate.RUN, "", False),
        ("text", Fate.UNMARKED, "", True),
        ("text", Fate.UNMARKED, "", False),
        ("sh", Fate.NOT_RUN, "needs a Jetson", False),
        ("toml", Fate.FILE, "etc/edge.toml", False),
        ("python", Fate.UNKNOWN, "", False),
    ]
    assert [block.line for block in blocks(page)][:2] == [4, 8]
    assert blocks(page)[3].body == "joulecut device watch jetson\n"
