using LogtoMigrateInit.Locking;
using LogtoMigrateInit.Processes;
using Xunit;

namespace LogtoMigrateInit.UnitTests;

public sealed class ChildProcessSpecs
{
    private static readonly Func<Stream, CancellationToken, Task> Drop = (stream, token) => stream.CopyToAsync(Stream.Null, token);

    /// <summary>Else a <c>pg_dump</c> that starts at the same time would inherit the lock of Logto's folder, and keep it.</summary>
    [Fact(Timeout = 300_000)]
    public async Task What_one_program_inherits_no_other_one_does()
    {
        Task<int?>? other = null;
        using var otherStarts = new ManualResetEventSlim();
        var first = new ChildProcess("/bin/true", [], new Dictionary<string, string?>())
        {
            Output = Drop,
            Errors = Drop,
            Starting = () =>
            {
                other = Task.Run(() => new ChildProcess("/bin/true", [], new Dictionary<string, string?>()) { Output = Drop, Errors = Drop, Starting = otherStarts.Set }
                    .RunAsync(null, CancellationToken.None, CancellationToken.None));
                Assert.False(otherStarts.Wait(TimeSpan.FromMilliseconds(300)), "another program started meanwhile");
            },
        };

        Assert.Equal(0, await first.RunAsync(_ => Assert.False(otherStarts.IsSet), CancellationToken.None, CancellationToken.None));
        Assert.Equal(0, await other!);
        Assert.True(otherStarts.IsSet);
    }
}
