# Where the transcripts of an enforced agent differ from those direct, and why. Taken out of both before they are compared.
#
# A text that can't be read is refused by pgchaperone's own parser: with the same SQLSTATE, message and position, with the rule as
# detail and constraint, and without a place in PostgreSQL's source.
/^DETAIL:  rule parser\.syntax$/d
/^  Detail: rule parser\.syntax$/d
s/DETAIL:  rule parser\.syntax\\n//
s/'detail': 'rule parser\.syntax', //
s/'constraint_name': 'parser\.syntax', //
s/"detail":"rule parser\.syntax",//
s/,"constraint":"parser\.syntax"//
s/'(rule )?parser\.syntax'/None/g
s/'server_source_filename': 'scan\.l', 'server_source_function': 'scanner_yyerror', //
s/,"routine":"scanner_yyerror"//
s/'scanner_yyerror'/None/
s/(position 1) scanner_yyerror$/\1 null/
# So is the name of a prepared statement that is not there.
s/'server_source_filename': 'prepare\.c', 'server_source_function': 'FetchPreparedStatement', //
s/,"routine":"FetchPreparedStatement"//
s/'FetchPreparedStatement'/None/
