using Npgsql;

namespace LogtoMigrateInit.PostgreSql;

/// <summary>
/// Judges a server's refusal by its SQLSTATE (https://www.postgresql.org/docs/current/errcodes-appendix.html). An error is permanent if
/// only an operator can fix it. The program retries all others.
/// </summary>
internal static class ServerAnswer
{
    private const string LookAtTheLog = "look at the server's log";

    private static readonly string[] FinalWordsOfPoolers =
        [
            "authentication failed", "no such database", "no such user", "not allowed", "unsupported startup parameter", "SASL",
            "tenant or user not found",
        ];

    public static DatabaseException Judge(PostgresException answer)
    {
        var (failure, remedy) = Classify(answer);
        return new DatabaseException(failure, $"{answer.MessageText} (SQLSTATE {answer.SqlState})", remedy, answer);
    }

    // Over 40 lines: one case for each answer of a server.
    private static (DatabaseFailure Failure, string Remedy) Classify(PostgresException answer) => answer.SqlState switch
    {
        PostgresErrorCodes.InvalidCatalogName => (DatabaseFailure.NoSuchDatabase, "correct the database's name in DB_URL"),

        // Class 28: invalid authorization specification.
        PostgresErrorCodes.InvalidPassword
            => (DatabaseFailure.Never, "correct the user or the password in DB_URL, or set that password on the server"),
        ['2', '8', ..] => (
            DatabaseFailure.Never,
            "correct the user in DB_URL, or let it log in: with `alter role … login`, " +
            "and a line for this user, database and address in the server's pg_hba.conf"),
        PostgresErrorCodes.InsufficientPrivilege
            => (DatabaseFailure.Never, "connect as the owner of Logto's tables, or grant this user the right that is named"),

        // The server does not accept a setting in PGOPTIONS, of the role, or of the database.
        PostgresErrorCodes.InvalidParameterValue or PostgresErrorCodes.UndefinedObject or PostgresErrorCodes.CantChangeRuntimeParam
            => (DatabaseFailure.Never, "correct PGOPTIONS, or the settings of the role and the database"),

        PostgresErrorCodes.TooManyConnections => (
            DatabaseFailure.NotYet,
            ConnectionLimit.Find(answer.MessageText)?.Remedy
            ?? "end sessions that are not needed, or raise the connection limit that is named"),
        PostgresErrorCodes.DiskFull => (DatabaseFailure.NotYet, "make room on the server's disk"),
        ['5', '3', ..] => (DatabaseFailure.NotYet, "give the server more of what it lacks"),

        // Class 55: the database accepts no connections (`allow_connections false`), is in use by CREATE DATABASE, or is locked. All but
        // 55P04 may be temporary.
        PostgresErrorCodes.ObjectNotInPrerequisiteState => (
            DatabaseFailure.NotYet,
            "when it is the database that accepts no connections and nobody works on it, " +
            "run `alter database … allow_connections true` from another one"),
        "55P04" => (DatabaseFailure.Never, LookAtTheLog),
        ['5', '5', ..] => (DatabaseFailure.NotYet, "end the session that holds what is needed"),

        // Limits of PgBouncer (https://www.pgbouncer.org/config.html).
        PostgresErrorCodes.ProtocolViolation when Speaks(answer, "query_wait_timeout") => (
            DatabaseFailure.NotYet, "the connection pooler's pool was full: raise default_pool_size, for a migration takes up to 5 " +
                "connections at once"),
        PostgresErrorCodes.ProtocolViolation when Speaks(answer, "no more connections allowed") => (
            DatabaseFailure.NotYet, "raise max_client_conn of the connection pooler, for a migration takes up to 5 connections at once"),
        PostgresErrorCodes.ProtocolViolation when Speaks(answer, "statement pooling mode") => (
            DatabaseFailure.Never, "set pool_mode of the connection pooler to transaction or session, or let DB_URL name the server " +
                "itself"),

        // A pooler reports a server that is down, a wrong password and an unknown database as a protocol violation or an internal error.
        PostgresErrorCodes.ProtocolViolation or PostgresErrorCodes.InternalError when IsFinalWordOfAPooler(answer.MessageText)
            => (DatabaseFailure.Never, "correct the user, the password, the database and sslmode in DB_URL, or the pooler's settings"),
        ['0', '8', ..] => (DatabaseFailure.NotYet, "check that the server behind the pooler runs and that DB_URL leads to it"),

        // A standby or a read-only server; a time-out of the session; a deadlock, or a statement that a standby had to cancel.
        PostgresErrorCodes.ReadOnlySqlTransaction
            => (DatabaseFailure.NotYet, "point DB_URL to the primary, or turn off default_transaction_read_only"),
        "25P03" or "25P04" or PostgresErrorCodes.QueryCanceled
            => (DatabaseFailure.NotYet, "when it comes again, take the time-out from the role's or the database's settings"),
        ['4', '0', ..] => (DatabaseFailure.NotYet, "start again when the other sessions have finished"),

        // A start, a stop or an intervention of an operator (57); an error of the system (58), of a configuration file (F0), or inside the
        // server (XX).
        ['5', '7', ..] => (DatabaseFailure.NotYet, "check that the server runs and accepts connections"),
        ['5', '8', ..] or ['F', '0', ..] or ['X', 'X', ..] or "72000" => (DatabaseFailure.NotYet, LookAtTheLog),
        _ => (DatabaseFailure.Never, LookAtTheLog),
    };

    private static bool Speaks(
        PostgresException answer, string words) =>
            answer.MessageText.Contains(words, StringComparison.OrdinalIgnoreCase);

    private static bool IsFinalWordOfAPooler(string message) =>
        FinalWordsOfPoolers.Any(word => message.Contains(word, StringComparison.OrdinalIgnoreCase));
}
