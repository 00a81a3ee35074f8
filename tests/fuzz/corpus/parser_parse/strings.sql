select 'a'
'b', E'\'\x41', U&'d!0061' UESCAPE '!', b'01', x'1F', n'x', $q$ $$ ' $q$, $$$$