-- Rules that the answers of a bank follow. Without tags a rule is for every question.
create table directives (
    bank_key bigint not null references banks on delete cascade,
    directive_id uuid not null,
    name text not null,
    content text not null,
    priority bigint not null default 0,
    is_active boolean not null default true,
    tags text[] not null default '{}',
    created_at timestamptz not null,
    updated_at timestamptz not null,
    primary key (bank_key, directive_id)
);
create index directives_in_order on directives (bank_key, priority desc, created_at desc, directive_id desc);
