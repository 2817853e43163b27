using System.Diagnostics;
using LogtoMigrateInit.Inspections;
using LogtoMigrateInit.Logto;
using LogtoMigrateInit.PostgreSql;
using LogtoMigrateInit.Reporting;
using LogtoMigrateInit.Settings;

namespace LogtoMigrateInit.Outcomes;

/// <summary>
/// The result of a run: a number for the orchestrator and a text for the operator. The text says what happened, with which values, and what
/// to do next. The cases are in the other files of this class, one file for each area.
/// </summary>
internal abstract partial record Outcome
{
    private Outcome(
        string name, ExitCode exitCode, string message, AlterationState? state = null, IReadOnlyList<Alteration>? pending = null) =>
        (Name, ExitCode, Message, State, Pending) = (name, exitCode, OneLine.Escape(message), state, pending ?? []);

    /// <summary>
    /// The name in the output of <c>check --output json</c>. Scripts act on it, so it does not follow the names of types.
    /// </summary>
    public string Name { get; }

    public ExitCode ExitCode { get; }

    public string Message { get; private init; }

    /// <summary>The state that the database stores; null when the outcome does not depend on it.</summary>
    public AlterationState? State { get; }

    /// <summary>The alterations that are pending; empty when none are, or when the outcome does not depend on them.</summary>
    public IReadOnlyList<Alteration> Pending { get; }

    /// <summary>Adds the command that restores the backup of this run, except to a success.</summary>
    /// <param name="restore">Null: there is no backup.</param>
    public Outcome WithRestoreCommand(string? restore) => restore is null || ExitCode == ExitCode.Success
        ? this
        : this with { Message = $"{Message} To undo this run: `{OneLine.Escape(restore)}`." };

    /// <summary>Returns the outcome of a verdict on which the program does not act.</summary>
    public static Outcome Of(Verdict verdict, AlterationCatalog catalog, ProgramSettings settings) => verdict switch
    {
        Verdict.Matching matching => new Matches(catalog, matching.State),
        Verdict.Ahead ahead when ahead.State.Timestamp <= settings.AheadLimit => new AheadAllowed(catalog, ahead.State, settings),
        Verdict.Ahead ahead => new Ahead(catalog, ahead.State, settings),
        Verdict.Unstartable open => new RowSecurityOff(open.State, open.Alterations, open.TablesWithoutRowSecurity),
        Verdict.Failing failing => new WouldFail(failing.State, failing.Alterations, failing.Faults),
        Verdict.DriverRefused refused => new DriverRefused(settings, refused.Reason),
        Verdict.Hidden hidden => new TenantsHidden(settings, hidden.State, hidden.Reason),
        Verdict.Pending pending => new AlterationsPending(catalog, pending.State, pending.Alterations),
        Verdict.Foreign foreign => new NotLogto(settings.Main.Database, foreign.Reason),
        Verdict.Damaged damaged => new NotLogto(settings.Main.Database, damaged.Reason),
        Verdict.Empty when settings.Seed == SeedMode.False => new Empty(settings.Main.Database),
        Verdict.Empty => new WouldSeed(settings.Main.Database),
        _ => throw new UnreachableException(),
    };

    /// <summary>Returns the outcome for a database that cannot be reached or that refused the program.</summary>
    public static Outcome Of(DatabaseException failure, ProgramSettings settings) => failure.Failure switch
    {
        DatabaseFailure.NotYet => new Unreachable(settings, failure.Message, failure.Remedy),
        DatabaseFailure.NoSuchDatabase => new NoSuchDatabase(settings),
        _ => new Refused(settings, failure.Message, failure.Remedy),
    };

    /// <summary>A clause for outcomes of work that ended because the migration lock was lost.</summary>
    public const string WhyLockLost = "the migration lock was lost, because its connection broke or this machine was suspended";

    private static string Sentence(string clause) => $"{char.ToUpperInvariant(clause[0])}{clause[1..]}";

    /// <summary>Adds a full stop, unless the reason ends with a punctuation mark.</summary>
    private static string End(string reason) => reason is [.., '.' or '?' or '!'] ? reason : $"{reason}.";

    /// <summary>Adds advice to a reason, unless the reason has its own.</summary>
    /// <param name="next">Imperative sentences with their full stops.</param>
    private static string Then(string reason, string next) =>
        reason.Contains("Next: ", StringComparison.Ordinal) ? End(reason) : $"{End(reason)} Next: {next}";

    private static string FirstOf(IReadOnlyList<string> names) =>
        names.Count <= 10 ? string.Join(", ", names) : $"{string.Join(", ", names.Take(10))} and {names.Count - 10} more";

    private static string Before(IReadOnlyList<Alteration> pending) => pending.Count == 0
        ? "Nothing is pending, and"
        : $"{pending.Count} {(pending.Count == 1 ? "alteration is" : "alterations are")} pending and nothing was begun, because afterwards";

    private static string AdviceOnMissing(SeedMode seed) => seed switch
    {
        SeedMode.False =>
            "Next: correct DB_URL. For a first installation set LOGTO_INIT_SEED=create for one start, which creates and seeds the " +
            "database.",
        SeedMode.True =>
            "LOGTO_INIT_SEED=true seeds only a database that exists. Next: correct DB_URL, or create the database. For a first " +
            "installation set LOGTO_INIT_SEED=create for one start.",
        _ => "Next: correct DB_URL, or run `logto-migrate-init migrate`, which creates and seeds the database (LOGTO_INIT_SEED=create).",
    };
}
