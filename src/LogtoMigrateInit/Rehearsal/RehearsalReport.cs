using LogtoMigrateInit.Drift;
using LogtoMigrateInit.Logto;
using LogtoMigrateInit.LogtoServer;
using LogtoMigrateInit.PostgreSql;
using LogtoMigrateInit.Settings;

namespace LogtoMigrateInit.Rehearsal;

/// <summary>A table or column that an alteration drops, or a table that it truncates.</summary>
/// <param name="Kind"><c>table</c>, <c>column</c> or <see cref="AllRows"/>.</param>
/// <param name="Name">The name in SQL, in the real database.</param>
/// <param name="By">The alteration that drops or truncates it.</param>
/// <param name="Values">The number of rows of the real table, or of those with a value in the column; null when not counted.</param>
/// <param name="NotDefault">The number of rows with another value than a constant default; null without such a default or a count.</param>
internal sealed record Loss(string Kind, string Name, Alteration By, long? Values, long? NotDefault)
{
    /// <summary>The kind of a loss by <c>truncate</c>. The table itself stays.</summary>
    public const string AllRows = "rows";
}

/// <summary>The reason why the rehearsed deploy or rollback must not run.</summary>
/// <param name="Alteration">The file name of the failed alteration; null when none failed.</param>
/// <param name="Reason">A clause for the operator.</param>
internal sealed record RehearsalFailure(string? Alteration, string Reason);

/// <summary>
/// The comparison of the schema after the rehearsal with that of the target's seed, or for a rollback with that of a backup.
/// </summary>
/// <param name="Report">The differences; null when the schemas could not be compared.</param>
/// <param name="WhyNot">The reason why they could not be compared; null when they were.</param>
internal sealed record RehearsedDrift(DriftReport? Report, string? WhyNot);

/// <summary>The results of a rehearsal. All figures are measured or read from a catalog.</summary>
internal sealed record RehearsalReport
{
    /// <summary>The name of the real database.</summary>
    public required string Database { get; init; }

    public required AlterationState State { get; init; }

    /// <summary>The Logto release after the deploy or rollback.</summary>
    public required string Version { get; init; }

    public required bool IsRollback { get; init; }

    /// <summary>The <c>server_version_num</c> of the copy's server.</summary>
    public required int ServerVersion { get; init; }

    public required RehearsalMode Mode { get; init; }

    /// <summary>The number of alterations to deploy or revert.</summary>
    public required int Planned { get; init; }

    /// <summary>Null when the rehearsal found no reason against the deploy or rollback.</summary>
    public required RehearsalFailure? Failure { get; init; }

    /// <summary>The time to create the copy.</summary>
    public required double SecondsToCopy { get; init; }

    /// <summary>The time of Logto's CLI, without the wait for its turn and without the trace.</summary>
    public required double SecondsToRun { get; init; }

    public required IReadOnlyList<RehearsedAlteration> Alterations { get; init; }

    public required IReadOnlyList<Loss> Losses { get; init; }

    /// <summary>The copied tables with their sizes in the real database, the largest first.</summary>
    public required IReadOnlyList<TableSize> Tables { get; init; }

    /// <summary>The tables whose rows were not copied.</summary>
    public required IReadOnlyList<string> WithoutRows { get; init; }

    /// <summary>The schemas and extensions that were not copied, as phrases.</summary>
    public IReadOnlyList<string> LeftOut { get; init; } = [];

    /// <summary>The comparison of all rows, after a rollback on a copy with all rows; otherwise null.</summary>
    public required ComparedRows? Rows { get; init; }

    /// <summary>The alterations with <c>beforeDown</c>. It runs outside the transaction, where the trace counts no rows.</summary>
    public required IReadOnlyList<Alteration> WithBeforeDown { get; init; }

    /// <summary>Null when an alteration failed, so that no comparison was possible.</summary>
    public required RehearsedDrift? Drift { get; init; }

    /// <summary>
    /// The result of starting the target's Logto on the copy; null when that was not part of the rehearsal, or when the rehearsal failed
    /// before.
    /// </summary>
    public ServerStart? Start { get; init; }

    /// <summary>The schema of the copy afterwards, with the role names of the real database; empty when an alteration failed.</summary>
    public IReadOnlyList<SchemaObject> After { get; init; } = [];

    /// <summary>The alterations that were reverted without a change in the catalog or in the row counts.</summary>
    public IReadOnlyList<Alteration> Unchanging => !IsRollback
        ? []
        : [.. Alterations.Where(each => each.ChangedNothing && !WithBeforeDown.Contains(each.Alteration)).Select(each => each.Alteration)];

    /// <summary>The total time inside the alterations' transactions.</summary>
    public double SecondsInside => Alterations.Sum(alteration => alteration.Seconds);

    /// <summary>Adds the result of starting the target's Logto on the copy.</summary>
    public RehearsalReport With(ServerStart start) => this with
    {
        Start = start,
        Failure = start is ServerStart.Failed { Reason: var reason }
            ? new RehearsalFailure(null, $"the alterations work there, but Logto {Version} itself does not: it {reason}")
            : Failure,
    };

    /// <summary>
    /// Returns the alteration that blocks longest, the largest real table that it blocks, and its size; null when none blocks.
    /// </summary>
    public (RehearsedAlteration Alteration, string Table, long Bytes)? Longest(Blocked blocks) => (
        from alteration in Alterations
        from held in alteration.Locks
        where held.Blocks == blocks && SizeOf(held) is not null
        orderby alteration.Seconds descending, SizeOf(held) descending
        select ((RehearsedAlteration, string, long)?)(alteration, held.Real!, SizeOf(held)!.Value)).FirstOrDefault();

    /// <summary>Returns the number of real tables that are blocked at some time.</summary>
    public int CountBlocked(Blocked blocks) => Alterations
        .SelectMany(alteration => alteration.Locks)
        .Where(held => held.Blocks == blocks && SizeOf(held) is not null)
        .Select(held => held.Real)
        .Distinct()
        .Count();

    /// <summary>Returns the size of a locked table in bytes.</summary>
    /// <returns>Null for a table that the real database does not have, such as one that an earlier alteration created.</returns>
    public long? SizeOf(TableLock held) => Tables.FirstOrDefault(each => each.Name == held.Real)?.Bytes;
}
