"""replay.py AGENT SCHEMA POLICY... < records: every recorded statement of an agent decided again, offline, by `pgchaperone check`
under the policy that its record names by hash. PGCHAPERONE is the program. Left out are names that no statement stands behind,
statements that have to be prepared again under a newer policy (no rule denied them), and what runs a statement by its name, which no
text tells. Prints how many agree; exit status 1 if one does not, or if a record's policy is none of the given.
"""
import hashlib
import json
import os
import subprocess
import sys
import tempfile

agent, schema, policies = sys.argv[1], sys.argv[2], sys.argv[3:]
recorded = {}  # by policy and SQL: the verdicts, each with how often
lines = without_rule = 0
for line in sys.stdin:
    record = json.loads(line)
    if record["kind"] == "statement" and record["agent"] == agent:
        if (record["sql"] is None or record["sql"].startswith(("EXECUTE", "FETCH", "MOVE"))
                or (record["verdict"] == "deny" and record["rule"] is None)):
            without_rule += 1
            continue
        lines += 1
        verdicts = recorded.setdefault(record["policy"], {}).setdefault(record["sql"], {})
        verdicts[record["verdict"]] = verdicts.get(record["verdict"], 0) + 1

files = {}
for policy in policies:
    with open(policy, "rb") as file:
        files["sha256:" + hashlib.sha256(file.read()).hexdigest()] = policy
differ = 0
for policy, statements in recorded.items():
    if policy not in files:
        differ += sum(n for verdicts in statements.values() for n in verdicts.values())
        print(f"no policy has the hash {policy} of {len(statements)} statements, as {list(statements)[:3]}")
        continue
    with tempfile.TemporaryDirectory() as folder:
        texts = {}
        for sql in statements:
            name = os.path.join(folder, f"{len(texts)}.sql")
            texts[name] = sql
            with open(name, "w", encoding="utf-8") as file:
                file.write(sql)
        out = subprocess.run([os.environ["PGCHAPERONE"], "check", "--policy", files[policy], "--schema", schema, "--as", agent,
                              "--format", "json", *texts], capture_output=True, text=True, check=False)
        if out.returncode > 1:
            sys.exit(out.stderr)
        offline = {name: "allow" for name in texts}
        for line in out.stdout.splitlines():
            decided = json.loads(line)
            if decided["verdict"] != "allow":
                offline[decided["file"]] = decided["verdict"]
    for name, sql in texts.items():
        for verdict, count in statements[sql].items():
            if verdict != offline[name]:
                differ += count
                print(f"{verdict} {count} times, but {offline[name]} offline by {os.path.basename(files[policy])}: {sql}")
print(f"{lines} records of {sum(map(len, recorded.values()))} statements under {len(recorded)} policies, {differ} differ; "
      f"{without_rule} left out")
sys.exit(differ > 0 or lines == 0)
