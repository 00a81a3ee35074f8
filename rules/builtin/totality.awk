# Adds whether a function, operator or cast is total, in front of the versions.
#
#   awk -v kind=functions|operators|casts -f totality.awk reviewed/total.tsv FACTS
#
# The first line of the review that fits; else total is what PostgreSQL calls leakproof (and not volatile), and a cast that leaves a value as it is;
# else it is partial. Ends with status 1
# when a line of the review fits nothing.
BEGIN { FS = OFS = "\t" }
FNR == 1 { file++ }
file == 1 {
  if (/^#/ || !NF || $1 != kind) next
  if (NF != 5) { print "totality: not five columns: " $0 > "/dev/stderr"; failed = 1 }
  count = split($2, names, " ")
  for (i = 1; i <= count; i++) {
    ++lines
    name_of[lines] = names[i]
    args_of[lines] = "^(" pattern($3) ")$"
    verdict_of[lines] = $4
    by_name[names[i]] = by_name[names[i]] " " lines
  }
  next
}
# "int4,int4 int8,int8" = either; * = anything but a comma, ** = anything.
function pattern(text) {
  gsub(/[.]/, "\\.", text)
  gsub(/\*\*/, "\001", text)
  gsub(/\*/, "[^,]*", text)
  gsub(/\001/, ".*", text)
  gsub(/ /, "|", text)
  return text
}
{
  name = kind == "operators" ? $1 : $2
  args = kind == "functions" ? $3 : kind == "operators" ? $2 "," $3 : $1
  verdict = "partial"
  count = split(by_name[name], candidates, " ")
  for (i = 1; i <= count; i++) {
    if (args ~ args_of[candidates[i]]) {
      verdict = verdict_of[candidates[i]]
      used[candidates[i]] = 1
      break
    }
  }
  if (i > count && ((/\tleakproof\t/ && !(kind == "functions" && $9 == "v")) || (kind == "casts" && $4 == "b"))) verdict = "total"
  versions = $NF
  $NF = verdict
  print $0, versions
}
END {
  for (i = 1; i <= lines; i++) if (!(i in used)) { print "totality: fits nothing: " kind " " name_of[i] " " args_of[i] > "/dev/stderr"; failed = 1 }
  exit failed
}
