using LogtoMigrateInit.Drift;
using LogtoMigrateInit.Logto;
using LogtoMigrateInit.LogtoServer;
using LogtoMigrateInit.PostgreSql;
using LogtoMigrateInit.Settings;

namespace LogtoMigrateInit.Rehearsal;

/// <summary>A table or column that an alteration drops, or a table that it truncates.</summary>
/// <param name="Kind"><c>table</c>, <c>column</c> or <see cref="AllRows"/>.</param>
/// <param name="Name">As SQL names it.</param>
/// <param name="By">The alteration that drops or truncates it.</param>
/// <param name="Values">The rows of the real table, or those with a value in the column; null when they could not be counted.</param>
/// <param name="NotDefault">The rows with another value than the default; null without a constant default, or without a count.</param>
internal sealed record Loss(string Kind, string Name, Alteration By, long? Values, long? NotDefault)
{
    /// <summary>The kind of a truncated table, which stays.</summary>
    public const string AllRows = "rows";
}

/// <summary>The reason against the deploy or rollback that was rehearsed.</summary>
/// <param name="Alteration">The file that failed; null when none did.</param>
/// <param name="Reason">A clause for the operator.</param>
internal sealed record RehearsalFailure(string? Alteration, string Reason);

/// <summary>The schema after the rehearsal beside the target's own, or beside a backup of the release to which a rollback goes.</summary>
/// <param name="Report">The differences; null when the schemas could not be compared.</param>
/// <param name="WhyNot">The reason why they could not be compared; null when they were.</param>
internal sealed record RehearsedDrift(DriftReport? Report, string? WhyNot);

/// <summary>All that a rehearsal has shown. Every figure is measured or read from a catalogue.</summary>
internal sealed record RehearsalReport
{
    /// <summary>The real database.</summary>
    public required string Database { get; init; }

    public required AlterationState State { get; init; }

    /// <summary>The Logto release of the deploy or rollback.</summary>
    public required string Version { get; init; }

    public required bool IsRollback { get; init; }

    /// <summary>PostgreSQL's <c>server_version_num</c> of the server with the copy.</summary>
    public required int ServerVersion { get; init; }

    public required RehearsalMode Mode { get; init; }

    /// <summary>How many alterations were to be deployed or reverted.</summary>
    public required int Planned { get; init; }

    /// <summary>Null when all went well.</summary>
    public required RehearsalFailure? Failure { get; init; }

    /// <summary>The time to create the copy.</summary>
    public required double SecondsToCopy { get; init; }

    /// <summary>The time of Logto's CLI, from its start to its end.</summary>
    public required double SecondsToRun { get; init; }

    public required IReadOnlyList<RehearsedAlteration> Alterations { get; init; }

    public required IReadOnlyList<Loss> Losses { get; init; }

    /// <summary>The tables of the real database, the largest first.</summary>
    public required IReadOnlyList<TableSize> Tables { get; init; }

    /// <summary>Tables whose rows were not copied.</summary>
    public required IReadOnlyList<string> WithoutRows { get; init; }

    /// <summary>The schemas and extensions that were not copied, as phrases.</summary>
    public IReadOnlyList<string> LeftOut { get; init; } = [];

    /// <summary>After a rollback with all rows, those of the real database beside those of the copy; otherwise null.</summary>
    public required ComparedRows? Rows { get; init; }

    /// <summary>Alterations that run <c>beforeDown</c> outside of their transaction, where the trace counts no rows.</summary>
    public required IReadOnlyList<Alteration> WithBeforeDown { get; init; }

    /// <summary>Null when it failed before that.</summary>
    public required RehearsedDrift? Drift { get; init; }

    /// <summary>
    /// The result of starting the target's Logto on the copy; null: it is not part of this rehearsal, or an alteration failed before.
    /// </summary>
    public ServerStart? Start { get; init; }

    /// <summary>The schema of the copy afterwards, with the names of the real one; empty when it failed.</summary>
    public IReadOnlyList<SchemaObject> After { get; init; } = [];

    /// <summary>Alterations that were reverted successfully although neither the catalogue nor a count shows a difference.</summary>
    public IReadOnlyList<Alteration> Unchanging => !IsRollback
        ? []
        : [.. Alterations.Where(each => each.ChangedNothing && !WithBeforeDown.Contains(each.Alteration)).Select(each => each.Alteration)];

    /// <summary>The time inside of the alterations' transactions.</summary>
    public double SecondsInside => Alterations.Sum(alteration => alteration.Seconds);

    /// <summary>Adds what the target's Logto did on the copy.</summary>
    public RehearsalReport With(ServerStart start) => this with
    {
        Start = start,
        Failure = start is ServerStart.Failed { Reason: var reason }
            ? new RehearsalFailure(null, $"the alterations work there, but Logto {Version} itself does not: it {reason}")
            : Failure,
    };

    /// <summary>The alteration that blocks longest, the largest real table that it blocks, and its size; null when none does.</summary>
    public (RehearsedAlteration Alteration, string Table, long Bytes)? Longest(Blocked blocks) => (
        from alteration in Alterations
        from held in alteration.Locks
        where held.Blocks == blocks && SizeOf(held) is not null
        orderby alteration.Seconds descending, SizeOf(held) descending
        select ((RehearsedAlteration, string, long)?)(alteration, held.Real!, SizeOf(held)!.Value)).FirstOrDefault();

    /// <summary>Counts the real tables that are blocked at some time.</summary>
    public int CountBlocked(Blocked blocks) => Alterations
        .SelectMany(alteration => alteration.Locks)
        .Where(held => held.Blocks == blocks && SizeOf(held) is not null)
        .Select(held => held.Real)
        .Distinct()
        .Count();

    /// <returns>Null for a table that the real database does not have, such as one that an earlier alteration creates.</returns>
    public long? SizeOf(TableLock held) => Tables.FirstOrDefault(each => each.Name == held.Real)?.Bytes;
}
