#!/usr/bin/env python3
"""Makes tests/parser/regress_corpus.sql of PostgreSQL's regression suite.

    tests/parser/regress_corpus.py src/test/regress/sql [..] > tests/parser/regress_corpus.sql

Each argument is a folder of .sql files, the oldest PostgreSQL first. Cuts them as psql does, passes over backslash
commands, COPY's data and statements with psql variables, and keeps one statement of each shape (words of the grammar and
punctuation; names, numbers and strings count as one). A line "--%" stands in front of each statement.
"""
import pathlib
import re
import sys

HEADER = """\
-- Statements of PostgreSQL's regression suite (src/test/regress/sql), one of each shape, made by regress_corpus.py.
-- Portions Copyright (c) 1996-2024, PostgreSQL Global Development Group
-- Portions Copyright (c) 1994, The Regents of the University of California
--
-- Permission to use, copy, modify, and distribute this software and its documentation for any purpose, without fee, and
-- without a written agreement is hereby granted, provided that the above copyright notice and this paragraph and the
-- following two paragraphs appear in all copies.
--
-- IN NO EVENT SHALL THE UNIVERSITY OF CALIFORNIA BE LIABLE TO ANY PARTY FOR DIRECT, INDIRECT, SPECIAL, INCIDENTAL, OR
-- CONSEQUENTIAL DAMAGES, INCLUDING LOST PROFITS, ARISING OUT OF THE USE OF THIS SOFTWARE AND ITS DOCUMENTATION, EVEN IF THE
-- UNIVERSITY OF CALIFORNIA HAS BEEN ADVISED OF THE POSSIBILITY OF SUCH DAMAGE.
--
-- THE UNIVERSITY OF CALIFORNIA SPECIFICALLY DISCLAIMS ANY WARRANTIES, INCLUDING, BUT NOT LIMITED TO, THE IMPLIED WARRANTIES
-- OF MERCHANTABILITY AND FITNESS FOR A PARTICULAR PURPOSE. THE SOFTWARE PROVIDED HEREUNDER IS ON AN "AS IS" BASIS, AND THE
-- UNIVERSITY OF CALIFORNIA HAS NO OBLIGATIONS TO PROVIDE MAINTENANCE, SUPPORT, UPDATES, ENHANCEMENTS, OR MODIFICATIONS.
"""
TOKEN = re.compile(
    r"""(?P<blank>\s+|--[^\n]*)
      |(?P<block>/\*)
      |(?P<string>[eE]'(?:[^'\\]|''|\\.)*'|(?:[uU]&|[bBnNxX])?'(?:[^']|'')*')
      |(?P<dollar>\$(?P<tag>[A-Za-z_][A-Za-z_0-9]*)?\$)
      |(?P<quoted>(?:[uU]&)?"(?:[^"]|"")*")
      |(?P<word>[A-Za-z_\x80-\uffff][A-Za-z_0-9$\x80-\uffff]*)
      |(?P<number>(?:\d|\.\d)[\w.]*|\$\d+)
      |(?P<cast>::|:=)
      |(?P<variable>:['"]?[A-Za-z_{]\w*)
      |(?P<command>\\[^\n]*)
      |(?P<other>.)""",
    re.X | re.S,
)


def keywords(folder):
    """All words that the suite writes in capitals a few times are taken for the grammar's."""
    counts = {}
    for path in folder.glob("*.sql"):
        for word in re.findall(r"\b[A-Z]{2,}\b", path.read_text("utf-8", "replace")):
            counts[word] = counts.get(word, 0) + 1
    return {word for word, count in counts.items() if count >= 3}


def statements(text, grammar):
    """Yields (text, shape) of each."""
    at, start, depth, shape, usable, atomic = 0, None, 0, [], True, 0
    while at < len(text):
        match = TOKEN.match(text, at)
        kind, token, end = match.lastgroup, match.group(), match.end()
        if kind == "tag":
            kind = "dollar"
        if kind == "block":
            level, end = 1, end
            while level and end < len(text):
                step = re.compile(r"/\*|\*/").search(text, end)
                if step is None:
                    return
                level += 1 if step.group() == "/*" else -1
                end = step.end()
            kind = "blank"
        elif kind == "dollar":
            close = text.find(match.group("dollar"), end)
            if close < 0:
                return
            end = close + len(match.group("dollar"))
            kind = "string"
        at = end
        if kind == "blank":
            continue
        if kind == "command":
            if token.startswith("\\;"):
                at = match.start() + 2
            start, depth, shape, usable, atomic = None, 0, [], True, 0
            continue
        if start is None:
            start = match.start()
        if kind == "variable":
            usable = False
        if kind == "word":
            upper = token.upper()
            atomic += upper == "ATOMIC"
            if atomic and upper == "END":
                atomic -= 1
            shape.append(upper if upper in grammar else "n")
        elif kind in ("string", "number", "quoted"):
            shape.append({"string": "s", "number": "0", "quoted": "n"}[kind])
        else:
            shape.append(token)
            depth += (token in "([") - (token in ")]")
        if token == ";" and depth <= 0 and not atomic:
            sql = text[start:end]
            if usable and len(shape) > 1:
                yield sql, " ".join(shape)
            if re.match(r"copy\b.*\bfrom\s+stdin\b", sql, re.I | re.S):
                data = re.compile(r"^\\\.$", re.M).search(text, end)
                at = data.end() if data else len(text)
            start, depth, shape, usable, atomic = None, 0, [], True, 0


def main():
    seen, kept = set(), []
    for folder in map(pathlib.Path, sys.argv[1:]):
        grammar = keywords(folder)
        for path in sorted(folder.glob("*.sql")):
            for sql, shape in statements(path.read_text("utf-8", "replace"), grammar):
                # Lists count as one of their kind.
                short = re.sub(r"((?:[ns0]|[ns0] [ns0])) (?:, \1 ?)+", r"\1 .. ", shape)
                if short in seen or len(sql) > 2500 or "\ufffd" in sql:
                    continue
                seen.add(short)
                kept.append(sql)
    sys.stdout.write(HEADER)
    for sql in kept:
        sys.stdout.write("--%\n" + sql + "\n")


main()
