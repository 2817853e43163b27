using LogtoMigrateInit.Logto;
using LogtoMigrateInit.LogtoCli;
using LogtoMigrateInit.Rehearsal;
using Xunit;

namespace LogtoMigrateInit.UnitTests;

/// <summary>What the trace means.</summary>
public sealed class RehearsedAlterationSpecs
{
    private static readonly DateTime Start = new(2026, 11, 26, 2, 0, 0, DateTimeKind.Utc);

    private static readonly Alteration First = Alteration.Parse("1.42.0-1784620000-first.js")!;
    private static readonly Alteration Second = Alteration.Parse("1.43.0-1786431364-second.js")!;
    private static readonly CliJob Job = CliJob.Deploy([First, Second], MigrationPlanSpecs.Logto);

    [Fact]
    public void The_strongest_lock_on_each_table_counts_and_the_write_of_the_state_does_not()
    {
        var rehearsed = Of(Traced(locks:
        [
            new("1", "RowExclusiveLock", "users"), new("1", "ShareRowExclusiveLock", "users"), new("1", "AccessShareLock", "users"), new("2", "AccessExclusiveLock", "roles"),
            new("3", "AccessExclusiveLock", null), new("4", "RowExclusiveLock", "systems"),
        ]));

        Assert.Equal([new TableLock("roles", "AccessExclusiveLock"), new TableLock("users", "ShareRowExclusiveLock")], rehearsed.Locks);
        Assert.Equal([Blocked.ReadsAndWrites, Blocked.Writes], rehearsed.Locks.Select(held => held.Blocks));
    }

    [Fact]
    public void A_lock_on_systems_that_is_stronger_than_the_write_of_the_state_counts() =>
        Assert.Equal([new TableLock("systems", "AccessExclusiveLock")], Of(Traced(locks: [new("4", "AccessExclusiveLock", "systems")])).Locks);

    [Theory]
    [InlineData("AccessShareLock", 0)]
    [InlineData("RowShareLock", 0)]
    [InlineData("RowExclusiveLock", 0)]
    [InlineData("ShareUpdateExclusiveLock", 0)]
    [InlineData("ShareLock", 1)]
    [InlineData("ShareRowExclusiveLock", 1)]
    [InlineData("ExclusiveLock", 1)]
    [InlineData("AccessExclusiveLock", 2)]
    public void What_a_lock_blocks_is_as_PostgreSQL_documents_it(string mode, int blocks) => Assert.Equal((Blocked)blocks, new TableLock("users", mode).Blocks);

    [Fact]
    public void An_index_with_a_new_identity_and_the_same_file_was_not_built()
    {
        var rehearsed = Of(Traced(changes: [Gone("10", Index("users__name on users", 7)), New("11", Index("users__name on users", 7))]));

        Assert.Empty(rehearsed.Indexes);
        Assert.Empty(rehearsed.Changes);
    }

    [Fact]
    public void An_index_with_another_file_was_built()
    {
        var rehearsed = Of(Traced(changes: [Gone("10", Index("users__name on users", 7)), New("11", Index("users__name on users", 8))], locks: [new("11", "AccessExclusiveLock", null)]));

        Assert.Equal([new BuiltIndex("users__name on users", "users", Concurrently: false)], rehearsed.Indexes);
        Assert.Empty(rehearsed.Changes);
    }

    [Fact]
    public void An_index_that_nobody_holds_a_lock_on_was_built_outside_of_the_transaction() =>
        Assert.Equal([new BuiltIndex("users__name on users", "users", Concurrently: true)], Of(Traced(changes: [New("11", Index("users__name on users", 8))])).Indexes);

    [Fact]
    public void A_table_with_another_file_was_rewritten_and_its_indexes_are_not_named_again()
    {
        var rehearsed = Of(Traced(changes:
        [
            Changed("1", Table("users", 5), Table("users", 6)), Changed("2", Index("users__name on users", 7), Index("users__name on users", 8)),
        ]));

        Assert.Equal(["users"], rehearsed.Rewritten);
        Assert.Empty(rehearsed.Indexes);
        Assert.Empty(rehearsed.Changes);
    }

    [Fact]
    public void What_belongs_to_a_new_or_a_lost_table_is_not_named_by_itself()
    {
        var rehearsed = Of(Traced(changes:
        [
            New("1", Table("fresh", 5)), New("1", Object("owner", "fresh", "fresh", "logto")), New("1.1", Object("column", "fresh", "fresh.id", "integer")), New("9", Index("fresh_pkey on fresh", 9)),
            Gone("2", Table("lost", 6)), Gone("2.1", Object("column", "lost", "lost.id", "integer")),
        ]));

        Assert.Equal(["Created fresh", "Dropped lost"], rehearsed.Changes.Select(change => $"{change.What} {change.Name}"));
        Assert.Empty(rehearsed.Indexes);
    }

    [Fact]
    public void A_new_column_is_told_with_its_default_and_its_NOT_NULL()
    {
        var rehearsed = Of(Traced(changes:
        [
            New("1.2", Object("column", "users", "users.note", "text")), New("1.2", Object("default", "users", "users.note", "''::text")), New("1.2", Object("not null", "users", "users.note", "not null")),
        ]));

        Assert.Equal([new SchemaChange(ChangeKind.Created, "column", "users.note", "users", null, "text default ''::text not null")], rehearsed.Changes);
    }

    [Fact]
    public void NOT_NULL_on_a_column_that_was_there_is_a_change_of_its_own() =>
        Assert.Equal(
            [new SchemaChange(ChangeKind.Created, "not null", "users.note", "users", null, "not null")],
            Of(Traced(changes: [New("1.2", Object("not null", "users", "users.note", "not null"))])).Changes);

    [Fact]
    public void What_carries_the_name_of_a_renamed_table_is_not_named_again()
    {
        var rehearsed = Of(Traced(changes:
        [
            Changed("1", Table("users", 5), Table("people", 5)), Changed("1.1", Object("column", "users", "users.id", "text"), Object("column", "people", "people.id", "text")),
        ]));

        Assert.Equal([new SchemaChange(ChangeKind.Renamed, "table", "people", "users", "users", "people")], rehearsed.Changes);
    }

    [Fact]
    public void A_column_that_is_dropped_and_made_again_has_lost_its_values() =>
        Assert.Equal(
            ["Created users.note", "Dropped users.note"],
            Of(Traced(changes: [Gone("1.2", Object("column", "users", "users.note", "text")), New("1.3", Object("column", "users", "users.note", "text"))]))
                .Changes.Select(change => $"{change.What} {change.Name}").Order(StringComparer.Ordinal));

    [Fact]
    public void The_row_of_the_state_is_not_the_alterations_own()
    {
        var rehearsed = Of(Traced(rows: [new("users", 2, 1, 0), new("systems", 1, 1, 1)]));

        Assert.Equal([new TracedRows("systems", 1, 0, 1), new TracedRows("users", 2, 1, 0)], rehearsed.Rows);
    }

    [Fact]
    public void A_truncated_table_is_neither_rewritten_nor_are_its_indexes_built()
    {
        TracedChange[] changes =
        [
            Changed("1", Table("logs", 5), Table("logs", 6)), Changed("2", Index("logs__key on logs", 7), Index("logs__key on logs", 8)), Changed("3", Table("users", 5), Table("users", 6)),
        ];

        var rehearsed = Of(Traced(changes: changes) with { Truncated = [new("1", "logs")] });

        Assert.Equal(["logs"], rehearsed.Truncated);
        Assert.Equal(["users"], rehearsed.Rewritten);
        Assert.Empty(rehearsed.Indexes);
    }

    [Fact]
    public void What_keeps_its_name_when_its_table_or_column_is_renamed_is_no_line()
    {
        var rehearsed = Of(Traced(changes:
        [
            Changed("1", Table("domains", 5), Table("domainz", 5)), Changed("1.3", Object("column", "domains", "domains.domain", "text"), Object("column", "domainz", "domainz.host", "text")),
            Changed("1.3", Object("not null", "domains", "domains.domain", "not null"), Object("not null", "domainz", "domainz.host", "not null")),
            Changed("2", Object("index", "domains", "domains__domain on domains", "CREATE INDEX domains__domain ON domains USING btree (domain)"), Object("index", "domainz", "domains__domain on domainz", "CREATE INDEX domains__domain ON domainz USING btree (host)")),
            Changed("3", Object("constraint", "domains", "domains_pkey on domains", "PRIMARY KEY (id)"), Object("constraint", "domainz", "domains_pkey on domainz", "PRIMARY KEY (id)")),
            Changed("4", Object("policy", "domains", "domains_tenant_id on domains", "using (true)"), Object("policy", "domainz", "domains_tenant_id on domainz", "using (true)")),
            Changed("5", Object("constraint", "users", "users__domain__fk on users", "FOREIGN KEY (domain) REFERENCES domains(domain)"), Object("constraint", "users", "users__domain__fk on users", "FOREIGN KEY (domain) REFERENCES domainz(host)")),
            Changed("6", Object("grant", "domains", "domains to logto_tenant_x", "select"), Object("grant", "domainz", "domainz to logto_tenant_x", "select")),
            Changed("7", Object("index", "domains", "domains__old on domains", "CREATE INDEX domains__old ON domains USING btree (id)"), Object("index", "domainz", "domains__new on domainz", "CREATE INDEX domains__new ON domainz USING btree (id)")),
        ]));

        Assert.Equal(
            ["Renamed column domainz.host", "Renamed index domains__new on domainz", "Renamed table domainz"],
            rehearsed.Changes.Select(change => $"{change.What} {change.Kind} {change.Name}"));
    }

    [Fact]
    public void Time_is_counted_inside_of_the_transaction_and_between_two()
    {
        var first = Traced(state: First.Timestamp);
        var second = Traced(state: Second.Timestamp) with { Began = Start.AddSeconds(5), Ended = Start.AddSeconds(7), Resumed = Start.AddSeconds(8) };

        var rehearsed = RehearsedAlteration.Of([first, second], Job);

        Assert.Equal((1.0, (double?)null), (rehearsed[0].Seconds, rehearsed[0].SecondsBefore));
        Assert.Equal((2.0, (double?)3.0), (rehearsed[1].Seconds, rehearsed[1].SecondsBefore));
    }

    [Fact]
    public void A_rollback_writes_a_second_less_and_what_shows_no_difference_changed_nothing()
    {
        var rollback = CliJob.Rollback("1.40.0", [Second, First], MigrationPlanSpecs.Logto);

        var rehearsed = RehearsedAlteration.Of(
            [
                Traced(state: Second.Timestamp - 1, rows: [new("systems", 0, 1, 0)]),
                Traced(state: First.Timestamp - 1, rows: [new("users", 0, 0, 1), new("systems", 0, 1, 0)]),
            ],
            rollback);

        Assert.Equal([Second, First], rehearsed.Select(each => each.Alteration));
        Assert.Equal([true, false], rehearsed.Select(each => each.ChangedNothing));
        Assert.Equal([First], rollback.LeftAt(new AlterationState(Second.Timestamp - 1)));
    }

    private static RehearsedAlteration Of(TracedAlteration traced) => Assert.Single(RehearsedAlteration.Of([traced], Job));

    private static TracedAlteration Traced(double? state = null, TracedLock[]? locks = null, TracedRows[]? rows = null, TracedChange[]? changes = null) =>
        new(state ?? First.Timestamp, Start, Start.AddSeconds(1), Start.AddSeconds(2), locks ?? [], rows ?? [], [], changes ?? []);

    private static TracedChange New(string id, TracedObject after) => new(id, null, after);

    private static TracedChange Gone(string id, TracedObject before) => new(id, before, null);

    private static TracedChange Changed(string id, TracedObject before, TracedObject after) => new(id, before, after);

    private static TracedObject Table(string name, long file) => new("table", name, name, "", file);

    private static TracedObject Index(string name, long file) => new("index", name.Split(" on ")[1], name, $"CREATE INDEX {name}", file);

    private static TracedObject Object(string kind, string table, string name, string definition) => new(kind, table, name, definition, null);
}
