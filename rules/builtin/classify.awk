# One class for every function name: schema, name, class, condition, reason.
#
#   awk -f classify.awk reviewed/functions.tsv RULES...     RULES: what facts/rules.sql prints of each server
#
# A reviewed name comes first, then the rules where all overloads agree, then reviewed patterns (denials alone). Ends with
# status 1 when a name is in none of them, or when a reviewed one is no function.
BEGIN {
  FS = OFS = "\t"
  reason["type_io"] = "input or output of a type; a cast does it"
  reason["internal"] = "serves an index, an aggregate, a trigger or the planner"
  reason["safe operator"] = "what an operator does"
  reason["safe cast"] = "what a cast does"
  sets = " safe json bounded text_search introspection session "
}
function complain(what) {
  print "classify: " what > "/dev/stderr"
  failed = 1
}
FNR == 1 { file++ }
file == 1 {
  if (/^#/ || !NF) next
  if (NF != 3) complain("not three columns: " $0)
  count = split($1, names, " ")
  for (i = 1; i <= count; i++) {
    name = names[i]
    if (name ~ /\*/) {
      if (index(sets, " " $2 " ")) complain("a pattern may not allow: " name)
      gsub(/\*/, ".*", name)
      patterns[++pattern_count] = "^" name "$"
      pattern_line[pattern_count] = $2 OFS $3
    } else {
      if (name !~ /\./) name = "pg_catalog." name
      if (name in reviewed) complain("twice: " name)
      reviewed[name] = $2 OFS $3
    }
  }
  next
}
{
  name = $1 "." $2
  if (name in rules && rules[name] != $3) rules[name] = rules[name] ~ /^(operator|cast)$/ && $3 ~ /^(operator|cast)$/ ? "operator" : "-"
  else rules[name] = $3
}
function emit(name, line,    fields, condition) {
  split(line, fields, OFS)
  condition = "-"
  if (fields[1] == "bounded") {
    condition = substr(fields[2], 1, index(fields[2], ": ") - 1)
    fields[2] = substr(fields[2], index(fields[2], ": ") + 2)
  }
  sub(/\./, OFS, name)
  print name, fields[1], condition, fields[2]
}
END {
  for (name in rules) {
    rule = rules[name]
    if (name in reviewed) {
      emit(name, reviewed[name])
    } else if (rule ~ /^(operator|cast)$/) {
      emit(name, "safe" OFS reason["safe " rule])
    } else if (rule != "-") {
      emit(name, rule OFS reason[rule])
    } else {
      short = name
      sub(/^pg_catalog\./, "", short)
      for (i = 1; i <= pattern_count; i++) if (short ~ patterns[i]) break
      if (i <= pattern_count) emit(name, pattern_line[i])
      else complain("no class: " name)
    }
  }
  for (name in reviewed) if (!(name in rules)) complain("no such function: " name)
  exit failed
}
