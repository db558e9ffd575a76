"""Running the exporter as its users do, in scratch folders."""

from __future__ import annotations

import contextlib
import io
import json
import os
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path
from typing import Any

from caft_export import cli

HERE = Path(__file__).resolve().parent
SOURCE = HERE.parents[2]
CATALOGUE = SOURCE / "src" / "zoo" / "catalogue.json"
MODULES = HERE / "tiny_backbones.py"


def entry_json(name: str, **changes: Any) -> str:
    rows = json.loads(CATALOGUE.read_text())["backbones"]
    return json.dumps({**next(row for row in rows if row["name"] == name), **changes})


class ExporterTest(unittest.TestCase):
    def setUp(self) -> None:
        scratch = tempfile.TemporaryDirectory(prefix="caft-")
        self.addCleanup(scratch.cleanup)
        self.folder = Path(scratch.name)
        self.out = self.folder / "store" / "net"

    def command(self, *arguments: object) -> list[str]:
        return [sys.executable, "-m", "caft_export", *map(str, arguments)]

    def run_exporter(
        self, *arguments: object, **environment: str
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.command(*arguments),
            capture_output=True,
            text=True,
            env={**os.environ, "PYTHONPATH": str(SOURCE / "python"), **environment},
            check=False,
        )

    def succeed(self, *arguments: object, **environment: str) -> Any:
        """Runs, expects exit code 0, returns the JSON document on stdout."""
        done = self.run_exporter(*arguments, **environment)
        self.assertEqual(done.returncode, 0, done.stderr)
        return json.loads(done.stdout)

    def fail_with(self, code: int, *arguments: object, **environment: str) -> str:
        """Runs, expects `code`, one error line at the end and an empty stdout."""
        done = self.run_exporter(*arguments, **environment)
        return self.check_failure(code, done.returncode, done.stdout, done.stderr)

    def fail_inside(self, code: int, *arguments: object) -> str:
        """The same without a new process, which would load PyTorch again."""
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            returned = cli.main([str(argument) for argument in arguments])
        return self.check_failure(code, returned, out.getvalue(), err.getvalue())

    def check_failure(self, code: int, returned: int, out: str, err: str) -> str:
        self.assertEqual(returned, code, err)
        self.assertEqual(out, "")
        self.assertNotIn("Traceback", err)
        errors = [line for line in err.splitlines() if line.startswith("error: ")]
        self.assertEqual(len(errors), 1, err)
        self.assertEqual(err.splitlines()[-1], errors[0])
        return errors[0]

    def assert_nothing_left(self) -> None:
        store = self.out.parent
        self.assertEqual(list(store.iterdir()) if store.exists() else [], [])
