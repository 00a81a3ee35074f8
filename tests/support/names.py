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

NAMESPACE = re.compile(r"^namespace ([\w:]+) \{", re.M)
DECLARED = re.compile(r"^(?!namespace|using|#|//|TEST)[^\s}][^;={(\n]*?(?<!::)\b(\w+)(?: = |\(|\{| \{|\[|;)", re.M)
ALIAS = re.compile(r"^((?:using|namespace) (?:(\w+) = [^;]+|[\w:]+::(\w+)));", re.M)

MOST_FILES = 40

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
    if len(second) == len(unreadable) < len(files):  # the others were read well
        again = {file.removeprefix(f"{ROOT}/") for file in second}
        return {name for name in wrong if name[0] not in again} | check(second, told)
    return check(files[:len(files) // 2], told) | check(files[len(files) // 2:], told)


def names_in(file):
    """What a file declares where its lines begin, each with what it means: files may share those of the same meaning."""
    text = pathlib.Path(file).read_text()
    # Where most of them stand. What belongs to the tests stands beside what they test; the fuzz targets' in the global one.
    place = "" if "/tests/fuzz/" in file else re.sub(r"::test(ing)?$", "", (NAMESPACE.findall(text) or ["chaperone"])[0])
    names = {(place, name): file for name in DECLARED.findall(text)}
    names |= {(place, name or of): meaning for meaning, name, of in ALIAS.findall(text)}
    names["PostgreSQL's headers"] = "postgres.h" in text  # bear no others beside them
    return names


def groups_of(files):
    """Of the files in a group no two declare the same name, as far as the lines that begin a declaration tell."""
    groups = []
    # Fuzz targets come last in their groups: they bring namespaces into the global one.
    for file in sorted(files, key=lambda file: "/tests/fuzz/" in file):
        names = names_in(file)
        for group in groups:
            if len(group["files"]) < MOST_FILES and all(group["names"].get(name, names[name]) == names[name] for name in names):
                break
        else:
            group = {"files": [], "names": {}}
            groups.append(group)
        group["files"].append(file)
        group["names"] |= names
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
