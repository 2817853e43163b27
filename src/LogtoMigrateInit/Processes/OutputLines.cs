using System.Text;

namespace LogtoMigrateInit.Processes;

/// <summary>Reads a program's output as lines of bounded length, so that a faulty program cannot fill the memory.</summary>
internal static class OutputLines
{
    /// <summary>The most characters of a line. The rest of a longer line is dropped and counted.</summary>
    public const int MaximumLength = 4096;

    /// <summary>Reads a stream of UTF-8 to its end.</summary>
    /// <param name="stream">The standard output or the standard error of a program.</param>
    /// <param name="take">Receives each line that is not empty, and the number of its dropped characters.</param>
    /// <param name="cancellationToken">Ends the reading without an exception. Another process may hold the stream open.</param>
    public static async Task ReadAsync(Stream stream, Action<string, long> take, CancellationToken cancellationToken)
    {
        using var reader = new StreamReader(stream, Encoding.UTF8);
        var line = new StringBuilder();
        var buffer = new char[MaximumLength];
        long dropped = 0;
        int count;
        while ((count = await ReadAsync(reader, buffer, cancellationToken)) > 0)
        {
            foreach (var character in buffer.AsSpan(0, count))
            {
                if (character == '\n')
                {
                    End();
                }
                else if (line.Length < MaximumLength)
                {
                    line.Append(character);
                }
                else
                {
                    dropped++;
                }
            }
        }

        End();

        void End()
        {
            var text = line.ToString().TrimEnd('\r');
            if (text.Length > 0)
            {
                take(text, dropped);
            }

            line.Clear();
            dropped = 0;
        }
    }

    private static async Task<int> ReadAsync(StreamReader reader, char[] buffer, CancellationToken cancellationToken)
    {
        try
        {
            return await reader.ReadAsync(buffer, cancellationToken);
        }
        catch (OperationCanceledException)
        {
            return 0;
        }
    }
}
