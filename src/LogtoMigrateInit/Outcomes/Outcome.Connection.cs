using LogtoMigrateInit.PostgreSql;
using LogtoMigrateInit.Reporting;
using LogtoMigrateInit.Settings;

namespace LogtoMigrateInit.Outcomes;

internal abstract partial record Outcome
{
    /// <summary>
    /// The PgBouncer setting that accepts the parameters that slonik sends at login (slonik's <c>createPoolConfiguration</c>).
    /// </summary>
    public const string PoolerSetting = "ignore_startup_parameters = " +
        "extra_float_digits,options,statement_timeout,idle_in_transaction_session_timeout";

    public sealed record Unreachable(ProgramSettings Settings, string Reason, string Remedy)
        : Outcome(
            "unreachable", ExitCode.Unreachable,
            $"The database at {Settings.Main.Host}:{Settings.Main.Port} could not be used: {Reason}. Next: {Remedy}." +
            $"{AdviceOnProxy(Settings.Main.Host)} " +
            $"LOGTO_INIT_CONNECT_TIMEOUT_SECONDS sets how long the program waits ({Settings.ConnectTimeout.TotalSeconds:0} s).");

    /// <summary>In a pod, a server on a loopback address is a proxy. An ordinary sidecar starts after all init containers.</summary>
    private static string AdviceOnProxy(string host) => host is "127.0.0.1" or "localhost" or "::1"
        ? " A database proxy has to start before this program: in Kubernetes, make it an init container with `restartPolicy: Always`."
        : "";

    public sealed record Refused(ProgramSettings Settings, string Reason, string Remedy)
        : Outcome(
            "refused", ExitCode.Refused,
            $"The server at {Settings.Main.Host}:{Settings.Main.Port} refused user '{Settings.Main.User}' in the database " +
            $"'{Settings.Main.Database}': {Reason}. Next: {Remedy}.");

    public sealed record NoSuchDatabase(ProgramSettings Settings)
        : Outcome(
            "noSuchDatabase", ExitCode.Refused,
            $"The server at {Settings.Main.Host}:{Settings.Main.Port} has no database '{Settings.Main.Database}'. " +
            $"{AdviceOnMissing(Settings.Seed)}");

    public sealed record NotCreated(ProgramSettings Settings, string Reason)
        : Outcome(
            "notCreated", ExitCode.Refused,
            $"The server at {Settings.Main.Host}:{Settings.Main.Port} has no database '{Settings.Main.Database}', and user " +
            $"'{Settings.Main.User}' could not create it through the database '{DatabaseCreation.MaintenanceDatabase}': {Reason}. " +
            "Next: correct DB_URL, or create it as an administrator with " +
            $"`create database {SqlNames.Quote(Settings.Main.Database)} owner {SqlNames.Quote(Settings.Main.User)}`, and start again.");

    public sealed record UnsupportedServer(int ServerVersion, int Oldest)
        : Outcome(
            "unsupportedServer", ExitCode.Refused,
            $"The server runs PostgreSQL {ServerVersion / 10000}, and Logto needs {Oldest} or newer. Nothing was deployed. " +
            $"Next: upgrade PostgreSQL to {Oldest} or newer, then start again.");

    public sealed record DriverRefused(ProgramSettings Settings, string Reason)
        : Outcome(
            "driverRefused", ExitCode.Refused,
            $"The connection pooler at {Settings.Main.Host}:{Settings.Main.Port} refuses what Logto's driver sends at login: {Reason}. " +
            $"Next: give PgBouncer the setting `{PoolerSetting}`, or let DB_URL name the server itself. " +
            "Give Logto the same DATABASE_STATEMENT_TIMEOUT as this program.");

    public sealed record ReadOnly(bool InRecovery, TimeSpan Waited)
        : Outcome(
            "readOnly", ExitCode.Refused,
            $"The server has been {(InRecovery ? "in recovery (a standby)" : "read-only")} for {Waited.TotalSeconds:0} s, and the " +
            "program has to write. Next: point DB_URL to " +
            (InRecovery ? "the primary." : "a server that accepts writes, or turn off default_transaction_read_only."));
}
