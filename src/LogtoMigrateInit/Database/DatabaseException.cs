using System.Net.Sockets;
using System.Security.Authentication;
using Npgsql;

namespace LogtoMigrateInit.Database;

/// <summary>What kind of "no" a database gave.</summary>
internal enum DatabaseFailure
{
    /// <summary>It may answer later: it is starting, full, or out of reach for the moment.</summary>
    NotYet,

    /// <summary>It will never answer differently: password, permission, TLS, protocol.</summary>
    Never,

    /// <summary>The server is there and the database is not; a seed can create it.</summary>
    NoSuchDatabase,
}

/// <summary>The database could not be reached or refused us; the message is a clause for the operator.</summary>
internal sealed class DatabaseException(DatabaseFailure failure, string reason, Exception? cause = null) : Exception(reason, cause)
{
    private static readonly string[] FinalWordsOfPgBouncer =
        ["authentication failed", "no such database", "no such user", "not allowed", "unsupported startup parameter", "SASL"];

    public DatabaseFailure Failure => failure;

    /// <summary>All connection slots are taken (SQLSTATE 53300): polling faster would make it worse.</summary>
    public bool ServerIsFull => InnerException is PostgresException { SqlState: PostgresErrorCodes.TooManyConnections };

    /// <summary>Translates what the driver throws.</summary>
    /// <returns>Null when the exception is not about reaching or reading the database.</returns>
    public static DatabaseException? From(Exception exception) => exception switch
    {
        DatabaseException already => already,
        PostgresException answer => new DatabaseException(Classify(answer), $"{answer.MessageText} (SQLSTATE {answer.SqlState})", answer),
        NpgsqlException { InnerException: AuthenticationException tls } => new DatabaseException(DatabaseFailure.Never, $"the TLS handshake failed: {Sentence(tls)}", exception),
        NpgsqlException { InnerException: SocketException network } => new DatabaseException(DatabaseFailure.NotYet, network.Message, exception),
        SocketException network => new DatabaseException(DatabaseFailure.NotYet, network.Message, exception),
        TimeoutException or NpgsqlException { InnerException: TimeoutException } => new DatabaseException(DatabaseFailure.NotYet, "no answer in time", exception),
        NpgsqlException or IOException => new DatabaseException(
            IsTransient(exception) ? DatabaseFailure.NotYet : DatabaseFailure.Never, Sentence(exception), exception),

        // An authentication that Npgsql does not speak.
        NotSupportedException => new DatabaseException(DatabaseFailure.Never, exception.Message.TrimEnd('.'), exception),
        _ => null,
    };

    private static bool IsTransient(Exception exception) =>
        exception is IOException || exception.InnerException is IOException || exception is NpgsqlException { IsTransient: true };

    private static DatabaseFailure Classify(PostgresException answer) => answer.SqlState switch
    {
        PostgresErrorCodes.InvalidCatalogName => DatabaseFailure.NoSuchDatabase,

        // 57P03 starting up, 57P01 and 57P02 shutting down, 55006 in use by CREATE DATABASE, 57014 a time-out of the role's.
        PostgresErrorCodes.CannotConnectNow or PostgresErrorCodes.AdminShutdown or PostgresErrorCodes.CrashShutdown
            or PostgresErrorCodes.ObjectInUse or PostgresErrorCodes.QueryCanceled => DatabaseFailure.NotYet,

        // Class 53 is "insufficient resources" (https://www.postgresql.org/docs/current/errcodes-appendix.html), class 08 a lost connection.
        ['5', '3', ..] => DatabaseFailure.NotYet,

        // PgBouncer answers 08P01 for a server that is down, a wrong password and an unknown database alike.
        PostgresErrorCodes.ProtocolViolation => IsPoolersFinalWord(answer.MessageText) ? DatabaseFailure.Never : DatabaseFailure.NotYet,
        ['0', '8', ..] => DatabaseFailure.NotYet,

        // Another kind of session time-out (25P03, 25P04), or a connection that a standby had to cancel (40001).
        "25P03" or "25P04" or PostgresErrorCodes.SerializationFailure => DatabaseFailure.NotYet,
        _ => DatabaseFailure.Never,
    };

    private static bool IsPoolersFinalWord(string message) =>
        FinalWordsOfPgBouncer.Any(word => message.Contains(word, StringComparison.OrdinalIgnoreCase));

    /// <summary>The innermost message says what happened; the outer ones only where.</summary>
    private static string Sentence(Exception exception) => exception.GetBaseException().Message.TrimEnd('.');
}
