-- What background work needs beyond the first schema.

alter table async_operations
    -- Where it stands: stage, parts done, parts there are.
    add column progress jsonb;

-- Ids are given by clients too and count in all banks.
create index async_operations_by_id on async_operations (operation_id);
create index async_operations_by_parent on async_operations (bank_key, parent_id) where parent_id is not null;
-- Claims: the banks with work one after the other, the oldest work of each first. A parent has
-- no payload and is never claimed.
create index async_operations_waiting on async_operations (bank_key, created_at, operation_id)
    where status in ('pending', 'processing') and payload is not null;
create index async_operations_busy on async_operations (bank_key)
    where status = 'processing' and payload is not null;
-- Work on one thing goes in order.
create index async_operations_in_line on async_operations (bank_key, serialization_key, created_at, operation_id)
    where status in ('pending', 'processing') and serialization_key is not null;
-- What may be forgotten.
create index async_operations_ended on async_operations (completed_at)
    where status in ('completed', 'failed', 'cancelled') and parent_id is null;
-- Replaced by the index of waiting work.
drop index async_operations_due;
