using LogtoMigrateInit.PostgreSql;
using Xunit;

namespace LogtoMigrateInit.UnitTests;

/// <summary>The verifier of a password. That a server takes it, <c>RestoreSpecs</c> shows.</summary>
public sealed class ScramVerifierSpecs
{
    /// <summary>RFC 7677 has this password and salt, and the messages that these keys give.</summary>
    [Fact]
    public void It_has_the_keys_of_the_example_in_RFC_7677() => Assert.Equal(
        "SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=",
        ScramVerifier.Of("pencil", Convert.FromBase64String("W22ZaJ0SNY7soEsUEjb6gQ==")));

    [Fact]
    public void Two_verifiers_of_one_password_differ() => Assert.NotEqual(ScramVerifier.Of("pencil"), ScramVerifier.Of("pencil"));
}
