# SPDX-License-Identifier: Apache-2.0
"""
Servers that people run, asked by their own clients over the short cut: each answers what it answers without it, byte
for byte. The same words are said by two pods, one of which refuses the short cut.
"""
import contextlib
import glob
import pathlib
import random
import shutil

import pytest

from conftest import new_lab
from support import wait_for
from test_sockets import LABEL, short_cut_messages

NGINX = """
daemon off;
error_log stderr;
pid {folder}/nginx.pid;
worker_processes 1;
events {{ worker_connections 64; }}
http {{
    access_log off;
    sendfile {sendfile};
    server {{
        listen 80;
        listen [::]:80;
        root {folder}/pages;
    }}
}}
"""
SIZES = [*range(1, 20), 1447, 1448, 1449, 4096, 16383, 16384, 16385, 65536, 262145, 3000000]
POSTGRES = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups", "--"]
SQL = """
CREATE TABLE words (number int PRIMARY KEY, word text);
INSERT INTO words SELECT i, repeat(md5(i::text), i % 300) FROM generate_series(1, 3000) i;
""" + "".join(f"SELECT number, md5(word) FROM words WHERE number = {number};\n" for number in range(1, 100)) + """
SELECT count(*), sum(length(word)) FROM words;
COPY words TO STDOUT;
BEGIN; UPDATE words SET word = 'x' WHERE number < 50; ROLLBACK;
SELECT word FROM words WHERE number = 30;
DECLARE c CURSOR WITH HOLD FOR SELECT * FROM words ORDER BY number; FETCH 40 FROM c;
SELECT no_such_column FROM words;
DROP TABLE words;
"""
# Small ones, a value of a megabyte, lists, an error, a transaction.
REDIS = ["FLUSHALL", *(f"SET key:{i} {i * 7919:x}" for i in range(100)), *(f"GET key:{i}" for i in range(100)),
         "SETRANGE large 1000000 end", "STRLEN large", "GET large", *(f"RPUSH list {'v' * i}" for i in range(100)),
         "LRANGE list 0 -1", "INCR list", "MULTI", "INCR count", "INCR count", "EXEC", "SORT list ALPHA DESC"]


@pytest.fixture(scope="module", name="lab")
def fixture_lab():
    with new_lab("servers", "--nodes", "1", "--agent-arg", "--socket-acceleration=on") as lab:
        for pod in ("client", "server"):
            lab.add("node-1", pod)
        lab.add("node-1", "refuses", "--labels", f"{LABEL}=off")
        yield lab


def same_answers(lab, command, text=None, least=50):
    """What both pods are told, by whatever way. Of one of them, so many messages at least took the short cut."""
    before = short_cut_messages(lab)
    plain = lab.exec("refuses", *command, text=text)
    assert short_cut_messages(lab) == before
    short = lab.exec("client", *command, text=text)
    assert short_cut_messages(lab) - before >= least
    assert (short.stdout, short.stderr) == (plain.stdout, plain.stderr)
    return short.stdout


@contextlib.contextmanager
def nginx(lab, sendfile):
    folder = pathlib.Path(lab.folder, f"nginx-{sendfile}")
    (folder / "pages").mkdir(parents=True)
    for size in SIZES:
        (folder / "pages" / str(size)).write_bytes(random.Random(size).randbytes(size))
    (folder / "nginx.conf").write_text(NGINX.format(folder=folder, sendfile=sendfile))
    with lab.background("server", "nginx", "-e", "stderr", "-c", f"{folder}/nginx.conf"):
        yield folder / "pages"
    shutil.rmtree(folder)


@pytest.mark.parametrize("sendfile", ["on", "off"])
def test_nginx(lab, family, sendfile, tmp_path):
    """Pages of all sizes on one connection that stays open."""
    address = {4: lab.ip("server", 4), 6: f"[{lab.ip('server', 6)}]"}[family]
    urls = f"http://{address}/{{{','.join(map(str, SIZES))}}}"
    fetch = ["curl", "-sSf", urls, "-o", f"{tmp_path}/#1"]
    with nginx(lab, sendfile) as pages:
        wait_for(lambda: not lab.exec("client", *fetch, check=False).returncode, "nginx serves")
        same_answers(lab, [*fetch, "-w", "%{http_code} %{size_download} %{num_connects}\\n"], least=20)
        for size in SIZES:
            assert (tmp_path / str(size)).read_bytes() == (pages / str(size)).read_bytes()


def test_redis(lab, family):
    address = lab.ip("server", family)
    with lab.background("server", "redis-server", "--bind", "0.0.0.0", "::", "--protected-mode", "no", "--save", "",
                        "--appendonly", "no"):
        wait_for(lambda: "PONG" in lab.exec("client", "redis-cli", "-h", address, "ping", check=False).stdout,
                 "redis serves")
        told = same_answers(lab, ["redis-cli", "-h", address], "\n".join(REDIS) + "\n", least=300)
        assert "ERR" in told or "WRONGTYPE" in told
        lab.exec("client", "redis-benchmark", "-h", address, "-q", "-n", "2000", "-c", "20", "-P", "8",
                 "-t", "set,get,lpush,mset")


@contextlib.contextmanager
def postgresql(lab):
    programs = sorted(glob.glob("/usr/lib/postgresql/*/bin"))[-1]
    folder = pathlib.Path(lab.folder, "postgresql")
    folder.mkdir()
    folder.chmod(0o755)
    shutil.chown(folder, "postgres", "postgres")
    lab.exec("server", *POSTGRES, f"{programs}/initdb", "--no-sync", "-A", "trust", "-D", f"{folder}/data")
    with open(folder / "data" / "pg_hba.conf", "a", encoding="ascii") as file:
        file.write("host all all all trust\n")
    with lab.background("server", *POSTGRES, f"{programs}/postgres", "-D", f"{folder}/data", "-c", "fsync=off",
                        "-c", "listen_addresses=*", "-c", f"unix_socket_directories={folder}",
                        ready="ready to accept connections"):
        yield programs


def test_postgresql(lab):
    with postgresql(lab) as programs:
        for family in (4, 6):
            where = ["-h", lab.ip("server", family), "-U", "postgres", "postgres"]
            told = same_answers(lab, ["psql", "-X", "-A", *where], SQL, least=100)
            assert told.count("\n") > 3000
        lab.exec("client", f"{programs}/pgbench", "-i", "-q", *where)
        done = lab.exec("client", f"{programs}/pgbench", "-n", "-c", "4", "-t", "50", *where)
        assert "actually processed: 200/200" in done.stdout and "failed transactions: 0" in done.stdout, done.stdout
