-- Observations that went because a fact behind them was edited, until facts of theirs are made
-- observations of again: what is made then takes over who they were and how they came about.
-- Nothing shows them meanwhile.
create table withdrawn_observations (
    bank_key bigint not null references banks on delete cascade,
    memory_id uuid not null,
    body text not null,
    tags text[] not null,
    occurred_start timestamptz,
    occurred_end timestamptz,
    mentioned_at timestamptz,
    source_ids uuid[] not null,
    -- Former versions as in observation_history, the oldest first.
    versions jsonb not null,
    -- All facts that any of these texts rests on.
    fact_ids uuid[] not null,
    withdrawn_at timestamptz not null,
    primary key (bank_key, memory_id)
);
create index withdrawn_observations_by_fact on withdrawn_observations using gin (fact_ids);

-- A former version goes with the facts it rests on.
create index observation_history_by_source on observation_history using gin (previous_source_ids);
