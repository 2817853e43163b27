using LogtoMigrateInit.Inspections;
using LogtoMigrateInit.Logto;

namespace LogtoMigrateInit.LogtoCli;

/// <summary>What the CLI is to do.</summary>
internal sealed record CliJob
{
    private CliJob(
        IReadOnlyList<string> arguments, IReadOnlyList<Alteration> alterations, Inspection database) =>
            (Arguments, Alterations, Database) = (arguments, alterations, database);

    /// <summary>What comes after <c>logto</c>; no secret belongs here.</summary>
    public IReadOnlyList<string> Arguments { get; }

    /// <summary>What it will deploy or revert, in that order; empty for a seed.</summary>
    public IReadOnlyList<Alteration> Alterations { get; }

    /// <summary>Where, as it was seen under the lock.</summary>
    public Inspection Database { get; init; }

    /// <summary>It reverts them.</summary>
    public bool IsRollback { get; private init; }

    /// <summary>It runs on a temporary copy, and the log shows its progress as that of a rehearsal.</summary>
    public bool OnCopy { get; init; }

    /// <summary>How long the CLI may work; zero: no limit.</summary>
    public TimeSpan TimeLimit { get; init; }

    /// <summary>Deploys everything that the image ships, including files with the tag <c>next</c>.</summary>
    public static CliJob Deploy(
        IReadOnlyList<Alteration> pending, Inspection database) =>
            new(["db", "alteration", "deploy", "next"], pending, database);

    /// <param name="version">The release to go back to.</param>
    /// <param name="reverted">See <see cref="RollbackPlan.Steps"/>.</param>
    /// <param name="database">See <see cref="Database"/>.</param>
    public static CliJob Rollback(
        string version, IReadOnlyList<Alteration> reverted, Inspection database) =>
            new(["db", "alteration", "rollback", version], reverted, database) { IsRollback = true };

    /// <param name="arguments">More for the seed; see <c>LOGTO_INIT_SEED_ARGUMENTS</c>.</param>
    /// <param name="database">See <see cref="Database"/>.</param>
    public static CliJob Seed(
        IReadOnlyList<string> arguments, Inspection database) =>
            new(["db", "seed", "--swe", .. arguments], [], database);

    /// <summary>
    /// What the CLI writes when it has done this one (<c>deployAlteration</c> in
    /// <c>packages/cli/src/commands/database/alteration/index.ts</c>).
    /// </summary>
    public double StateAfter(Alteration alteration) => IsRollback ? alteration.Timestamp - 1 : alteration.Timestamp;

    /// <summary>What is still to be done, in order.</summary>
    public IReadOnlyList<Alteration> LeftAt(AlterationState state) =>
        [.. Alterations.Where(alteration => IsRollback ? alteration.Timestamp <= state.Timestamp : alteration.Timestamp > state.Timestamp)];
}
