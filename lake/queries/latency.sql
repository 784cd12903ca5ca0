-- Latency and time to first token of each model in milliseconds: median and 95th percentile
SELECT
  coalesce(gen_ai_request_model, '(none)') AS model,
  coalesce(gen_ai_provider_name, '(none)') AS provider,
  count(*) AS requests,
  round(approx_percentile(duration_ms, 0.5), 1) AS p50_ms,
  round(approx_percentile(duration_ms, 0.95), 1) AS p95_ms,
  round(approx_percentile(time_to_first_token_ms, 0.5), 1) AS p50_first_token_ms,
  round(approx_percentile(time_to_first_token_ms, 0.95), 1) AS p95_first_token_ms
FROM llm_usage
WHERE dt >= :first_day AND dt <= :last_day
  AND start_time >= :since AND start_time < :until
  AND status = 'success'
GROUP BY 1, 2
ORDER BY requests DESC, 1, 2
