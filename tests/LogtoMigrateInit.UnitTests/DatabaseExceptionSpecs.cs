using System.Net.Sockets;
using System.Security.Authentication;
using LogtoMigrateInit.Database;
using Npgsql;
using Xunit;

namespace LogtoMigrateInit.UnitTests;

/// <summary>What is waited for, and what ends the run at once. The enumeration is internal, hence its name as a text.</summary>
public sealed class DatabaseExceptionSpecs
{
    [Theory]
    [InlineData("57P03", "the database system is starting up", nameof(DatabaseFailure.NotYet))]
    [InlineData("53300", "sorry, too many clients already", nameof(DatabaseFailure.NotYet))]
    [InlineData("57P01", "terminating connection due to administrator command", nameof(DatabaseFailure.NotYet))]
    [InlineData("28P01", "password authentication failed for user \"logto\"", nameof(DatabaseFailure.Never))]
    [InlineData("28000", "no pg_hba.conf entry for host", nameof(DatabaseFailure.Never))]
    [InlineData("42501", "permission denied for database", nameof(DatabaseFailure.Never))]
    [InlineData("3D000", "database \"logto\" does not exist", nameof(DatabaseFailure.NoSuchDatabase))]
    [InlineData("08P01", "server login has been failing, cached error: connect failed (server_login_retry)", nameof(DatabaseFailure.NotYet))]
    [InlineData("08P01", "password authentication failed", nameof(DatabaseFailure.Never))]
    [InlineData("08P01", "no such database: logto", nameof(DatabaseFailure.Never))]
    [InlineData("08P01", "unsupported startup parameter: options", nameof(DatabaseFailure.Never))]
    public void The_servers_answer_decides(string state, string message, string expected) =>
        Assert.Equal(expected, $"{DatabaseException.From(new PostgresException(message, "FATAL", "FATAL", state))!.Failure}");

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
