using LogtoMigrateInit.Inspections;
using LogtoMigrateInit.Logto;

namespace LogtoMigrateInit.LogtoCli;

/// <summary>One task for Logto's CLI: a deploy, a rollback or a seed.</summary>
internal sealed record CliJob
{
    private CliJob(
        IReadOnlyList<string> arguments, IReadOnlyList<Alteration> alterations, Inspection database) =>
            (Arguments, Alterations, Database) = (arguments, alterations, database);

    /// <summary>The arguments after <c>logto</c>. They contain no secret, because every process can read them.</summary>
    public IReadOnlyList<string> Arguments { get; }

    /// <summary>The alterations that the CLI will deploy or revert, in that order; empty for a seed.</summary>
    public IReadOnlyList<Alteration> Alterations { get; }

    /// <summary>The database, as inspected under the migration lock.</summary>
    public Inspection Database { get; init; }

    /// <summary>Whether the CLI reverts the alterations.</summary>
    public bool IsRollback { get; private init; }

    /// <summary>Whether the CLI runs on a temporary copy. Then the log shows its progress as that of a rehearsal.</summary>
    public bool OnCopy { get; init; }

    /// <summary>The longest time for the CLI; zero: no limit.</summary>
    public TimeSpan TimeLimit { get; init; }

    /// <summary>Creates a job that deploys everything that the image ships, including files with the tag <c>next</c>.</summary>
    public static CliJob Deploy(
        IReadOnlyList<Alteration> pending, Inspection database) =>
            new(["db", "alteration", "deploy", "next"], pending, database);

    /// <param name="version">The older release.</param>
    /// <param name="reverted">The alterations to revert, in that order (<see cref="RollbackPlan.Steps"/>).</param>
    public static CliJob Rollback(
        string version, IReadOnlyList<Alteration> reverted, Inspection database) =>
            new(["db", "alteration", "rollback", version], reverted, database) { IsRollback = true };

    /// <param name="arguments">Additional options of the seed (<c>LOGTO_INIT_SEED_ARGUMENTS</c>).</param>
    public static CliJob Seed(
        IReadOnlyList<string> arguments, Inspection database) =>
            new(["db", "seed", "--swe", .. arguments], [], database);

    /// <summary>
    /// Returns the state that the CLI writes after this alteration (<c>deployAlteration</c> in
    /// <c>packages/cli/src/commands/database/alteration/index.ts</c>).
    /// </summary>
    public double StateAfter(Alteration alteration) => IsRollback ? alteration.Timestamp - 1 : alteration.Timestamp;

    /// <summary>Returns the alterations that are not done yet at this state, in order.</summary>
    public IReadOnlyList<Alteration> LeftAt(AlterationState state) =>
        [.. Alterations.Where(alteration => IsRollback ? alteration.Timestamp <= state.Timestamp : alteration.Timestamp > state.Timestamp)];
}
