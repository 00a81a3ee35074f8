SELECT ROW (), ROW (a), (a, b), ARRAY[1, 2], ARRAY[]::int[], ARRAY[[1], [2]]
