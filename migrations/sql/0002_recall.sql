-- What recall needs beyond the first schema: the end of a memory's time, a hash by which equal
-- texts are told, and the cells of large banks.

alter table memory_vectors
    add column event_end timestamptz,
    -- Of the text without regard to case, spaces and closing punctuation; null is equal to nothing.
    add column text_hash bigint;

-- Ranges that begin before a window and reach into it.
create index memory_vectors_by_long_event on memory_vectors (bank_key, event_end)
    include (memory_id, fact_type, event_at)
    where event_end - event_at > interval '1 day';

-- Centroids of a bank whose vectors are too many to look at each; cell 0 has none, it holds
-- what was not assigned yet.
create table bank_cells (
    bank_key bigint not null references banks on delete cascade,
    cell int not null check (cell > 0),
    centroid halfvec not null,
    size int not null,
    primary key (bank_key, cell)
);

-- How many memories the bank had when its cells were made; 0 = it has none.
alter table bank_state add column cells_made_at bigint not null default 0;
