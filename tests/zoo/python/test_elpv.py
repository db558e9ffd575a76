"""`caft_export elpv` on the real data set."""

from __future__ import annotations

import argparse
import errno
import unittest
from pathlib import Path
from unittest import mock

from caft_export import elpv
from support import ExporterTest


def listing(folder: Path) -> dict[str, int]:
    return {str(f.relative_to(folder)): f.stat().st_mtime_ns for f in folder.rglob("*.png")}


class Elpv(ExporterTest):
    def test_layout_is_stratified_and_repeatable(self) -> None:
        out = self.folder / "elpv"
        counts = self.succeed("elpv", "--out", out)
        self.assertEqual(counts["train"], {"functional": 1352, "defective": 616})
        self.assertEqual(counts["test"], {"functional": 451, "defective": 205})
        files = listing(out)
        self.assertEqual(len(files), 2624)
        self.assertEqual(len({Path(f).name for f in files}), 2624, "an image is in two parts")
        self.assertIn("CC BY-NC-SA 4.0", (out / "README.txt").read_text())
        made = out.stat().st_ino

        self.assertEqual(self.succeed("elpv", "--out", out), counts)
        # Not assertEqual: its account of how two such listings differ takes minutes.
        self.assertTrue((out.stat().st_ino, listing(out)) == (made, files), "the second run wrote")

        next(out.glob("test/*/*.png")).unlink()
        self.succeed("elpv", "--out", out)
        self.assertTrue(listing(out) == files, "a missing image was not put back")

        self.succeed("elpv", "--out", out, "--seed", 1)
        other = listing(out)
        self.assertEqual(len(other), 2624)
        self.assertNotEqual(other.keys(), files.keys())
        self.assertEqual([f.name for f in self.folder.iterdir()], ["elpv"])

    def test_another_file_system_costs_no_sync_a_file(self) -> None:
        out = self.folder / "elpv"
        arguments = argparse.Namespace(out=str(out), test_fraction=0.25, seed=0)
        with (
            mock.patch("os.link", side_effect=OSError(errno.EXDEV, "Invalid cross-device link")),
            mock.patch("os.fsync") as fsync,
            mock.patch("caft_export.elpv.sync_file_system") as sync_file_system,
        ):
            elpv.elpv(arguments)
        self.assertEqual(len(listing(out)), 2624)
        self.assertLess(fsync.call_count, 20)
        sync_file_system.assert_called_once()

    def test_a_folder_of_something_else_is_left_alone(self) -> None:
        out = self.folder / "mine"
        out.mkdir()
        (out / "README.txt").write_text("my notes")
        self.fail_with(1, "elpv", "--out", out)
        self.assertEqual([f.name for f in out.iterdir()], ["README.txt"])


if __name__ == "__main__":
    unittest.main()
