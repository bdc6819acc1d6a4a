-- What language models have answered for a chunk, until its document is written: a retain that
-- fails, sent again, pays only for what is missing. key: SHA-256 of everything the answer
-- depends on.
create table extractions (
    bank_key bigint not null references banks on delete cascade,
    key bytea not null,
    facts jsonb not null,
    created_at timestamptz not null,
    primary key (bank_key, key)
);
create index extractions_by_age on extractions (created_at);
