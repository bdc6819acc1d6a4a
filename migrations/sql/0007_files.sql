-- Files that were sent to be remembered, until their text is: the bytes that an operation works
-- on, cut into parts so that no statement moves more than one of them. They go with their
-- operation, and with its bank.
create table file_storage (
    bank_key bigint not null,
    operation_id uuid not null,
    part int not null check (part >= 0),
    data bytea not null,
    primary key (bank_key, operation_id, part),
    foreign key (bank_key, operation_id) references async_operations on delete cascade
);
-- Most kinds of files are compressed already.
alter table file_storage alter data set storage external;
