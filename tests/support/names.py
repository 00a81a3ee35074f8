#!/usr/bin/env python3
"""Fails when a name is not as .clang-tidy has it: each wrong one with its file, line and column.

    tests/support/names.py [FOLDER...]      all sources, or those of some folders
    tests/support/names.py --self-check     that wrong names are found

Takes the include paths and definitions from build/release/compile_commands.json (or $BUILD/compile_commands.json).
Files are read as one where they can stand beside each other, since most of the time goes into the headers that they
share.
"""
import concurrent.futures
import json
import os
import pathlib
import re
import shlex
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
FOLDERS = ["parser", "rules", "proxy", "tests"]
FINDING = re.compile(r"^(\S+?):(\d+):(\d+): (?:error|warning): (.*) \[(.*)\]$")

DECLARED = re.compile(r"^(?!namespace|using|#|//|TEST)[^\s}][^;={(\n]*?(?<!::)\b(\w+)(?: = |\(|\{| \{|\[|;)", re.M)

MOST_FILES = 30

# A wrong name of each kind. Their lines are what the self-check expects.
WRONG = """namespace chaperone::Wrong {}           // 1 namespace
namespace chaperone::session {
struct wrong_type {};                   // 3 type
enum class Kind { kRight, wrong };      // 4 enumerator
constexpr int wrong_constant = 1;       // 5 constant
class Right {
 public:
  int WrongMethod() { return wrong; }   // 8 method
  int wrong_{};                         // 9 public member

 private:
  int wrong;                            // 12 private member
};
int wrongFunction(int WrongParameter) { // 14 function and parameter
  int wrongVariable = WrongParameter;   // 15 variable
  return wrongVariable;
}
template <class wrong_parameter>        // 18 template parameter
using wrong_alias = wrong_parameter;    // 19 alias
}  // namespace chaperone::session
"""


def flags():
    """What the compiler has to be told to find all headers: the union over the tree's commands."""
    database = pathlib.Path(os.environ.get("BUILD", ROOT / "build/release")) / "compile_commands.json"
    if not database.exists():
        sys.exit(f"names: {database} is missing: build the release tree first")
    found = {"-std=c++20": None, f"-I{ROOT}": None}
    for entry in json.loads(database.read_text()):
        words = shlex.split(entry["command"])
        for word, following in zip(words, words[1:] + [""]):
            if word == "-isystem":
                found[f"-isystem{following}"] = None
            elif word.startswith("-D"):
                found[word] = None
    return list(found)


def tidy(files, told):
    """Reads files as one. Gives what is wrong with names, and the files that could not be read so."""
    with tempfile.NamedTemporaryFile("w", suffix=".cpp", delete=False) as one:
        one.writelines(f'#include "{file}"\n' for file in files)
    try:
        done = subprocess.run(
            ["clang-tidy-16", "--quiet", f"--config-file={ROOT}/.clang-tidy", "--header-filter=.*", one.name, "--",
             *told, "-w", "-ferror-limit=0"],
            capture_output=True, text=True, cwd=ROOT)
    finally:
        os.unlink(one.name)
    wrong, unreadable = set(), {}
    for line in done.stdout.splitlines():
        if not (match := FINDING.match(line)):
            continue
        file, row, column, message, check = match.groups()
        if check.startswith("clang-diagnostic"):
            unreadable.setdefault(file, line)
        elif pathlib.Path(file).is_relative_to(ROOT) or file in files:
            wrong.add((file.removeprefix(f"{ROOT}/"), int(row), int(column), message))
    if done.returncode != 0 and not wrong and not unreadable:
        sys.exit(f"names: clang-tidy-16 failed:\n{done.stdout}{done.stderr}")
    return wrong, unreadable


def check(files, told):
    wrong, unreadable = tidy(files, told)
    if not unreadable:
        return wrong
    if len(files) == 1:
        sys.exit("names: cannot be read:\n" + "\n".join(unreadable.values()))
    second = [file for file in files if file in unreadable]
    if len(second) in (0, len(files)):
        second = files[len(files) // 2:]
    first = [file for file in files if file not in second]
    return check(first, told) | check(second, told)


def groups_of(files):
    """Of the files in a group no two declare the same name, as far as the lines that begin a declaration tell."""
    groups = []
    for file in files:
        text = pathlib.Path(file).read_text()
        # One namespace a folder, but for the tests'; PostgreSQL's headers bear no others beside them.
        place = "tests" if "/tests/" in file else pathlib.Path(file).parent
        names = {(place, name) for name in DECLARED.findall(text)}
        kind = "postgres.h" in text
        for group in groups:
            if group["kind"] == kind and len(group["files"]) < MOST_FILES and not names & group["names"]:
                group["files"].append(file)
                group["names"] |= names
                break
        else:
            groups.append({"kind": kind, "files": [file], "names": names})
    return [group["files"] for group in groups]


def main():
    told = flags()
    if sys.argv[1:] == ["--self-check"]:
        with tempfile.NamedTemporaryFile("w", suffix=".hpp") as file:
            file.write(WRONG)
            file.flush()
            found = {row for _, row, _, _ in check([file.name], told)}
        expected = {row for row, line in enumerate(WRONG.splitlines(), 1) if re.search(rf"// {row} ", line)}
        if found != expected:
            sys.exit(f"names: wrong names stand in the lines {sorted(expected)}, found in {sorted(found)}")
        return
    files = [str(file) for top in sys.argv[1:] or FOLDERS for file in sorted((ROOT / top).rglob("*.cpp"))
             if "tests/layering" not in str(file)]
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        wrong = set().union(*pool.map(lambda group: check(group, told), groups_of(files)))
    for file, row, column, message in sorted(wrong):
        print(f"{file}:{row}:{column}: {message}")
    sys.exit(1 if wrong else 0)


main()
