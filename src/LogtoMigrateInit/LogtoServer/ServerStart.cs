using System.Globalization;

namespace LogtoMigrateInit.LogtoServer;

/// <summary>
/// The result of starting Logto to see whether it works. The cases: <see cref="Answered"/>, <see cref="Failed"/>, <see cref="NotStarted"/>.
/// </summary>
internal abstract record ServerStart
{
    private ServerStart()
    {
    }

    /// <summary>Logto answered all requests.</summary>
    /// <param name="Seconds">The time from its start to its last answer.</param>
    /// <param name="Tenants">The tenants that were asked.</param>
    public sealed record Answered(double Seconds, IReadOnlyList<string> Tenants) : ServerStart
    {
        /// <summary>A clause, such as <c>answered after 4.1 s (default and admin tenant)</c>.</summary>
        public override string ToString() => string.Create(
            CultureInfo.InvariantCulture, $"answered after {Seconds:0.0} s ({string.Join(" and ", Tenants)} tenant)");
    }

    /// <summary>Logto ended, or did not answer as it must.</summary>
    /// <param name="Reason">A clause whose subject is Logto.</param>
    /// <param name="PortTaken">Another process had taken a port.</param>
    public sealed record Failed(string Reason, bool PortTaken) : ServerStart;

    /// <summary>Logto was not started, which says nothing about it.</summary>
    /// <param name="Reason">A clause for the operator.</param>
    public sealed record NotStarted(string Reason) : ServerStart;
}
