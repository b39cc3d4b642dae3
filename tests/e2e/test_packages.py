# SPDX-License-Identifier: Apache-2.0
"""make deb: the packages have what they should, where Debian has it, and can be installed, upgraded and purged."""
import pathlib
import subprocess

import pytest

from support import TOP

INSTALLED_MAX = 10_000_000  # bytes, of all that runs on a node
# That nobody asked Debian for the package, and that it is of a version not released there.
EXPLAINED = "initial-upload-closes-no-bugs"


def run(*command, **options):
    done = subprocess.run([str(word) for word in command], text=True, capture_output=True, check=False, **options)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(name="debs", scope="module")
def _debs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("deb") / "deb"
    run(TOP / "scripts" / "deb", folder)
    return {deb.name.partition("_")[0]: deb for deb in folder.glob("*.deb")}


@pytest.fixture(name="root", scope="module")
def _root(debs, tmp_path_factory):
    root = tmp_path_factory.mktemp("root")
    for package in ("pilus", "pilus-cni", "pilus-tools", "libpilus0", "python3-pilus"):
        run("dpkg-deb", "--extract", debs[package], root)
    return root


def test_lintian_has_nothing_to_say(debs):
    said = run("lintian", "--suppress-tags", EXPLAINED, "--fail-on", "error,warning", *debs.values())
    assert said == ""


@pytest.mark.parametrize("path", [
    "etc/pilus/pilus.yaml", "usr/bin/pilus", "usr/lib/cni/pilus-cni", "usr/lib/sysusers.d/pilus.conf", "usr/sbin/pilusd",
    "usr/share/bash-completion/completions/pilus", "usr/share/doc/pilus/examples/pilus.yaml",
    "usr/lib/python3/dist-packages/pilus/bpf.py", "usr/share/pilus/python/bcc/utils.py",
    "usr/bin/pilus-trace", "usr/libexec/pilus/tools/opensnoop",
    "usr/share/man/man1/pilus.1.gz", "usr/share/man/man1/pilus-trace.1.gz", "usr/share/man/man8/pilusd.8.gz", "usr/share/man/man8/pilus-cni.8.gz"])
def test_it_has(root, path):
    assert (root / path).is_file()


def test_the_unit_starts_the_agent(root):
    unit, = [*root.glob("lib/systemd/system/pilusd.service"), *root.glob("usr/lib/systemd/system/pilusd.service")]
    assert "\nExecStart=/usr/sbin/pilusd\n" in unit.read_text()


def test_the_programs_run(root):
    assert "Usage" in run(root / "usr/bin/pilus", "--help")
    assert "pilusd" in run(root / "usr/sbin/pilusd", "--version")


def test_the_configuration_as_installed_says_nothing(root):
    lines = (root / "etc/pilus/pilus.yaml").read_text().splitlines()
    assert lines and all(not line or line.startswith("#") for line in lines)


def test_it_is_small(root):
    size = sum(path.stat().st_size for path in root.rglob("*") if path.is_file() and not path.is_symlink())
    print(f"{size} bytes installed")
    assert size < INSTALLED_MAX


def test_the_configuration_is_the_users(debs):
    assert run("dpkg-deb", "--info", debs["pilus"], "conffiles").split() == ["/etc/pilus/pilus.yaml"]


def test_it_needs_a_libbpf_that_has_tcx(debs):
    """Debian 12's own is too old; that of its backports will do."""
    depends = run("dpkg-deb", "--field", debs["pilus"], "Depends").split(", ")
    assert any(word.startswith("libbpf1 (>= 1:1.") for word in depends)


def test_its_scripts_are_sound(debs, tmp_path):
    run("dpkg-deb", "--control", debs["pilus"], tmp_path)
    for script in ("postinst", "prerm", "postrm"):
        run("sh", "-n", pathlib.Path(tmp_path, script))
