using System.Net.Sockets;
using System.Security.Authentication;
using LogtoMigrateInit.PostgreSql;
using Npgsql;
using Xunit;

namespace LogtoMigrateInit.UnitTests;

/// <summary>What is waited for, and what ends the run at once. The enumeration is internal, hence its name as a text.</summary>
public sealed class DatabaseExceptionSpecs
{
    [Theory]
    [InlineData("57P03", "the database system is starting up", nameof(DatabaseFailure.NotYet), "accepts connections")]
    [InlineData("57P01", "terminating connection due to administrator command", nameof(DatabaseFailure.NotYet), "accepts connections")]
    [InlineData("57P04", "database was dropped", nameof(DatabaseFailure.NotYet), "accepts connections")]
    [InlineData("57P05", "terminating connection due to idle-session timeout", nameof(DatabaseFailure.NotYet), "accepts connections")]
    [InlineData("57014", "canceling statement due to statement timeout", nameof(DatabaseFailure.NotYet), "time-out")]
    [InlineData("53300", "sorry, too many clients already", nameof(DatabaseFailure.NotYet), "max_connections")]
    [InlineData("53300", "remaining connection slots are reserved for roles with the SUPERUSER attribute", nameof(DatabaseFailure.NotYet), "max_connections")]
    [InlineData("53300", "too many connections for role \"logto\"", nameof(DatabaseFailure.NotYet), "alter role \"logto\" connection limit")]
    [InlineData("53300", "too many connections for database \"logto\"", nameof(DatabaseFailure.NotYet), "alter database \"logto\" connection limit")]
    [InlineData("53300", "zu viele Verbindungen für Rolle »logto«", nameof(DatabaseFailure.NotYet), "connection limit that is named")]
    [InlineData("53100", "could not extend file", nameof(DatabaseFailure.NotYet), "disk")]
    [InlineData("53200", "out of memory", nameof(DatabaseFailure.NotYet), "lacks")]
    [InlineData("40P01", "deadlock detected", nameof(DatabaseFailure.NotYet), "start again")]
    [InlineData("40001", "canceling statement due to conflict with recovery", nameof(DatabaseFailure.NotYet), "start again")]
    [InlineData("55000", "database \"logto\" is not currently accepting connections", nameof(DatabaseFailure.NotYet), "allow_connections true")]
    [InlineData("55006", "source database is being accessed by other users", nameof(DatabaseFailure.NotYet), "session")]
    [InlineData("55P03", "canceling statement due to lock timeout", nameof(DatabaseFailure.NotYet), "session")]
    [InlineData("55P02", "parameter cannot be changed without restarting the server", nameof(DatabaseFailure.Never), "PGOPTIONS")]
    [InlineData("22023", "invalid value for parameter", nameof(DatabaseFailure.Never), "PGOPTIONS")]
    [InlineData("42704", "unrecognized configuration parameter", nameof(DatabaseFailure.Never), "PGOPTIONS")]
    [InlineData("58030", "could not read block", nameof(DatabaseFailure.NotYet), "log")]
    [InlineData("58P01", "could not open file", nameof(DatabaseFailure.NotYet), "log")]
    [InlineData("XX000", "Couldn't connect to compute node", nameof(DatabaseFailure.NotYet), "log")]
    [InlineData("XX000", "Tenant or user not found", nameof(DatabaseFailure.Never), "password")]
    [InlineData("25006", "cannot execute DROP INDEX in a read-only transaction", nameof(DatabaseFailure.NotYet), "primary")]
    [InlineData("25P03", "terminating connection due to idle-in-transaction timeout", nameof(DatabaseFailure.NotYet), "time-out")]
    [InlineData("25P04", "terminating connection due to transaction timeout", nameof(DatabaseFailure.NotYet), "time-out")]
    [InlineData("28P01", "password authentication failed for user \"logto\"", nameof(DatabaseFailure.Never), "password")]
    [InlineData("28000", "no pg_hba.conf entry for host", nameof(DatabaseFailure.Never), "pg_hba.conf")]
    [InlineData("42501", "permission denied for database", nameof(DatabaseFailure.Never), "grant")]
    [InlineData("0A000", "unsupported frontend protocol", nameof(DatabaseFailure.Never), "log")]
    [InlineData("3D000", "database \"logto\" does not exist", nameof(DatabaseFailure.NoSuchDatabase), "name")]
    [InlineData("08006", "connection failure", nameof(DatabaseFailure.NotYet), "pooler")]
    [InlineData("08P01", "server login has been failing, cached error: connect failed (server_login_retry)", nameof(DatabaseFailure.NotYet), "pooler")]
    [InlineData("08P01", "password authentication failed", nameof(DatabaseFailure.Never), "password")]
    [InlineData("08P01", "no such database: logto", nameof(DatabaseFailure.Never), "database")]
    [InlineData("08P01", "unsupported startup parameter: options", nameof(DatabaseFailure.Never), "settings")]
    public void The_servers_answer_decides(string state, string message, string expected, string remedy)
    {
        var failure = DatabaseException.From(new PostgresException(message, "FATAL", "FATAL", state))!;

        Assert.Equal(expected, $"{failure.Failure}");
        Assert.Contains(remedy, failure.Remedy, StringComparison.Ordinal);
    }

    [Fact]
    public void A_network_that_is_not_there_is_waited_for()
    {
        Assert.Equal(DatabaseFailure.NotYet, DatabaseException.From(new SocketException((int)SocketError.HostNotFound))!.Failure);
        Assert.Equal(DatabaseFailure.NotYet, DatabaseException.From(new NpgsqlException("x", new SocketException((int)SocketError.ConnectionRefused)))!.Failure);
        Assert.Equal(DatabaseFailure.NotYet, DatabaseException.From(new NpgsqlException("x", new IOException("cut")))!.Failure);
        Assert.Equal(DatabaseFailure.NotYet, DatabaseException.From(new TimeoutException())!.Failure);
    }

    [Fact]
    public void A_failed_TLS_handshake_is_final() =>
        Assert.Equal(DatabaseFailure.Never, DatabaseException.From(new NpgsqlException("x", new AuthenticationException("untrusted")))!.Failure);

    [Fact]
    public void A_bug_is_not_blamed_on_the_database() => Assert.Null(DatabaseException.From(new InvalidOperationException()));
}
