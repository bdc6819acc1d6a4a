-- Memories whose semantic links are still to be found, in the order in which they were written;
-- a background worker takes them. No foreign key: a check for each memory is pure cost. Who
-- deletes a bank deletes its rows, and the worker takes those of deleted memories away.
create table link_queue (
    bank_key bigint not null,
    memory_id uuid not null,
    primary key (bank_key, memory_id)
) with (autovacuum_vacuum_insert_scale_factor = 0.02);

-- The index that similar names are found by needs extensions that a database may lack or get
-- later; it is made at the start of a server, where they are there.
