-- Pictures and files that were sent inside of texts. In the text a mark stands for each, with the
-- beginning of the hash of its bytes; a document has those whose marks its text has. They go with
-- their document, and with its bank. kind: 1 picture, 2 file.
create table attachments (
    bank_key bigint not null,
    document_id text not null,
    attachment_id text not null,
    hash bytea not null,
    kind smallint not null check (kind between 1 and 2),
    media_type text not null,
    filename text,
    byte_size int not null,
    data bytea not null,
    created_at timestamptz not null,
    primary key (bank_key, document_id, attachment_id),
    foreign key (bank_key, document_id) references documents on delete cascade
);
-- What is asked for by its id alone.
create index attachments_by_id on attachments (bank_key, attachment_id);
-- Most kinds of them are compressed already.
alter table attachments alter data set storage external;

-- What is told of them.
create view attachment_infos as
    select bank_key, document_id, attachment_id, jsonb_build_object('id', attachment_id,
        'hash', encode(hash, 'hex'), 'kind', case kind when 1 then 'image' else 'file' end,
        'media_type', media_type, 'filename', filename, 'byte_size', byte_size) as info
    from attachments;

-- The attachments that a memory was read from; null is none.
alter table memories add column attachment_ids text[];
alter table archived_memories add column attachment_ids text[];
