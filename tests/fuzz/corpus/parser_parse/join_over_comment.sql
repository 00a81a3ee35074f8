select 'a' --x
'b'