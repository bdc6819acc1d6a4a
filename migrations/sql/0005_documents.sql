-- What a document needs so that a new version of it keeps what has not changed, and so that
-- texts can be added to it.

-- The items a document is made of, in order, each with where it stands in the text, the number
-- of the retain that brought it and what it was retained with. Null in rows of older versions:
-- one item, with the document's retain_params.
alter table documents add column parts jsonb;

-- part: which of those items a chunk was cut from.
-- provenance: hash of what went into reading it besides its text; a chunk is kept as it is when
-- text and provenance are equal. Null is equal to nothing: it is read anew the next time.
alter table chunks
    add column part int not null default 0,
    add column provenance bytea;

-- Tags that follow from a memory's labels: they stay when the tags of its document change.
alter table memories add column label_tags text[] not null default '{}';
