-- Calls of language models, kept for a short time: a row for each request that was sent.

create table llm_requests (
    bank_key bigint not null references banks on delete cascade,
    -- In the order in which requests had their outcomes.
    request_id uuid not null,
    operation text not null,
    -- Which step of the operation asked.
    scope text not null,
    -- One run of an operation and the request within it, in hexadecimal digits: 32, and 16 each.
    trace_id text not null,
    span_id text not null,
    parent_span_id text not null,
    provider text not null,
    model text not null,
    -- None where the request brought a usable answer.
    error text,
    started_at timestamptz not null,
    ended_at timestamptz not null,
    -- None where the provider did not tell.
    input_tokens bigint,
    output_tokens bigint,
    cached_tokens bigint,
    thoughts_tokens bigint,
    total_tokens bigint,
    -- As texts of JSON: nothing is looked for in them, and what models write need not fit jsonb.
    input json not null,
    output json,
    llm_info json not null,
    metadata json not null,
    -- The document that was read, the memories that came of it, and those that were shown.
    document_id text,
    memory_ids uuid[] not null default '{}',
    source_memory_ids uuid[] not null default '{}',
    primary key (bank_key, request_id)
);
create index llm_requests_by_trace on llm_requests (bank_key, trace_id);
-- What is too old, in all banks.
create index llm_requests_by_age on llm_requests (started_at);
