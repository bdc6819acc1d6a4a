-- Which tags a memory may have, in one number: a bit for each tag, chosen by its hash. To compare
-- numbers takes a fraction of what comparing arrays takes, and a number of known size fits into the
-- index that recall scans; what passes is then looked at by its tags.
create function tag_mask(tags text[]) returns bigint
    language sql immutable strict parallel safe
    return (select coalesce(bit_or(1::bigint << (hashtextextended(tag, 0) & 63)::int), 0) from unnest(tags) tag);

alter table memory_vectors add column tag_mask bigint not null generated always as (tag_mask(tags)) stored;
drop index memory_vectors_scan;
create index memory_vectors_scan on memory_vectors (bank_key, fact_type, cell)
    include (memory_id, tag_mask, embedding);
