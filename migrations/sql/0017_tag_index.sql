-- Which memories may have some tags is read from here: recall's other index has the vectors in it, and
-- is twenty times as long.
create index memory_vectors_by_tags on memory_vectors (bank_key, tag_mask) include (memory_id);
