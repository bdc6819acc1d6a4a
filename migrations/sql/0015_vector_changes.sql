-- How often the memories of a bank were changed, so that a process that holds their vectors knows
-- whether these are still the bank's.
alter table bank_state add column changes bigint not null default 0;
