"""Statements are told apart by their first words, and scripts are cut between their statements."""

import pytest

from harness.within.sqlite_statements import classified, statements


@pytest.mark.parametrize(
    ("statement", "kind"),
    [
        ("SELECT 1", "read"),
        ("  select a from t", "read"),
        ("-- why\n/* INSERT */ SELECT 1", "read"),
        (";; SELECT 1", "read"),
        ("VALUES (1)", "read"),
        ("EXPLAIN INSERT INTO t VALUES (1)", "read"),
        ("WITH x AS (SELECT 1) SELECT * FROM x", "read"),
        ("INSERT INTO t VALUES (1)", "write"),
        ("replace into t values (1)", "write"),
        ("UPDATE t SET a = 1", "write"),
        ("DELETE FROM t", "write"),
        ("CREATE TABLE t (a)", "write"),
        ("WITH x AS (SELECT ')' FROM t) INSERT INTO t SELECT * FROM x", "write"),
        ('WITH RECURSIVE x(n) AS (SELECT 1 UNION SELECT n FROM x), "delete" AS (SELECT 2) UPDATE t SET a=1', "write"),
        ("BEGIN IMMEDIATE", "write"),
        ("begin\n exclusive transaction", "write"),
        ("COMMIT", "commit"),
        ("end transaction", "commit"),
        ("BEGIN", ""),
        ("BEGIN DEFERRED", ""),
        ("ROLLBACK", ""),
        ("SAVEPOINT s", ""),
        ("RELEASE s", ""),
        ("PRAGMA journal_mode=WAL", ""),
        ("VACUUM", ""),
        ("WITH nothing", ""),
        ("", ""),
        ("-- nothing", ""),
        (" " * 5_000 + "?", ""),
    ],
)  # fmt: skip
def test_a_statement_is_known_by_its_first_words(statement: str, kind: str) -> None:
    """Comments, case, white space and common table expressions do not hide what a statement does."""
    assert classified(statement)[0] == kind


def test_a_script_is_cut_between_its_statements() -> None:
    """A semicolon in a string, a comment or a trigger ends no statement, and the last one needs none."""
    trigger = "CREATE TRIGGER g AFTER INSERT ON t BEGIN DELETE FROM t; DELETE FROM u; END"
    script = f"INSERT INTO t VALUES ('a;b'); {trigger};\n-- one; more\nSELECT 1"
    assert [one.strip() for one in statements(script)] == [
        "INSERT INTO t VALUES ('a;b');",
        f"{trigger};",
        "-- one; more\nSELECT 1;",
    ]
    assert list(statements(" ;\n; ")) == []
    assert list(statements("SELECT 'open; ")) == ["SELECT 'open; ;"]
