using System.Globalization;

namespace LogtoMigrateInit.LogtoServer;

/// <summary>
/// The result of a trial start of Logto. The cases: <see cref="Answered"/>, <see cref="Failed"/>, <see cref="NotStarted"/>.
/// </summary>
internal abstract record ServerStart
{
    private ServerStart()
    {
    }

    /// <summary>Logto answered all requests as expected.</summary>
    /// <param name="Seconds">The time from the start of the process to the last answer.</param>
    /// <param name="Tenants">The ids of the tenants that answered.</param>
    public sealed record Answered(double Seconds, IReadOnlyList<string> Tenants) : ServerStart
    {
        /// <summary>A clause, such as <c>answered after 4.1 s (default and admin tenant)</c>.</summary>
        public override string ToString() => string.Create(
            CultureInfo.InvariantCulture, $"answered after {Seconds:0.0} s ({string.Join(" and ", Tenants)} tenant)");
    }

    /// <summary>Logto exited, or did not answer as expected.</summary>
    /// <param name="Reason">A clause whose subject is Logto.</param>
    /// <param name="PortTaken">Whether another process had taken a port.</param>
    public sealed record Failed(string Reason, bool PortTaken) : ServerStart;

    /// <summary>Logto was not started, so the program does not know whether it works.</summary>
    /// <param name="Reason">A clause for the operator.</param>
    public sealed record NotStarted(string Reason) : ServerStart;
}
