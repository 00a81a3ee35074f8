# Adds the review of types or relations, in front of the versions: class; for relations also hidden columns and reason.
#
#   awk -v kind=types|relations -f judge.awk reviewed/KIND.tsv FACTS
#
# Ends with status 1 when a fact fits no line, or a line no fact.
BEGIN { FS = OFS = "\t" }
function complain(what) {
  print "judge: " kind ": " what > "/dev/stderr"
  failed = 1
}
FNR == 1 { file++ }
file == 1 {
  if (/^#/ || !NF) next
  if (NF != (kind == "types" ? 3 : 4)) complain("columns: " $0)
  count = split($1, names, " ")
  for (i = 1; i <= count; i++) {
    name = names[i]
    if (name in class) complain("twice: " name)
    if (name ~ /\*/ && $2 == "introspection") complain("a pattern may not allow: " name)
    class[name] = kind == "types" ? $2 : $2 OFS $3 OFS $4
    order[++line_count] = name
  }
  next
}
{ facts[++fact_count] = $0 }
function short(schema, name) { return (schema == "pg_catalog" ? "" : schema ".") name }
function judge(name,    i, text) {
  if (name in class) { used[name] = 1; return class[name] }
  for (i = 1; i <= line_count; i++) {
    if (order[i] !~ /\*/) continue
    text = order[i]
    gsub(/\./, "\\.", text)
    gsub(/\*/, ".*", text)
    if (name ~ "^" text "$") { used[order[i]] = 1; return class[order[i]] }
  }
  if (kind == "types" && (name in standing) && judge(standing[name]) != "") return judge(standing[name])
  return ""
}
END {
  for (i = 1; i <= fact_count; i++) {
    split(facts[i], f, OFS)
    if (kind != "types") continue
    if (f[6] != "-" && f[4] == "A") standing[short(f[1], f[2])] = f[6]
    if (f[7] != "-") standing[short(f[1], f[2])] = f[7]
  }
  for (i = 1; i <= fact_count; i++) {
    count = split(facts[i], f, OFS)
    verdict = judge(short(f[1], f[2]))
    if (verdict == "" && kind == "types" && f[3] == "p") verdict = "internal"
    if (verdict == "") complain("no class: " f[1] "." f[2])
    if (kind == "relations") {
      # Of the hidden columns those that this one has.
      split(verdict, v, OFS)
      hidden = ""
      columns = split(v[2], h, ",")
      for (j = 1; j <= columns; j++) if (index("," f[4], "," h[j] ":")) {
        hidden = hidden (hidden == "" ? "" : ",") h[j]
        seen[h[j]] = 1
      }
      verdict = v[1] OFS (hidden == "" ? "-" : hidden) OFS v[3]
    }
    line = f[1]
    for (j = 2; j < count; j++) line = line OFS f[j]
    print line, verdict, f[count]
  }
  for (i = 1; i <= line_count; i++) {
    if (!(order[i] in used)) complain("fits nothing: " order[i])
    if (kind != "relations") continue
    split(class[order[i]], v, OFS)
    columns = v[2] == "-" ? 0 : split(v[2], h, ",")
    for (j = 1; j <= columns; j++) if (!(h[j] in seen)) complain("no such column: " h[j])
  }
  exit failed
}
