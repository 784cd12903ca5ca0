-- What each team cost
SELECT
  coalesce(team, '(none)') AS "team",
  count(*) AS requests,
  sum(gen_ai_usage_input_tokens) AS input_tokens,
  sum(gen_ai_usage_output_tokens) AS output_tokens,
  sum(billed_cost) AS cost_usd,
  count(*) FILTER (WHERE NOT coalesce(is_priced, false)) AS unpriced
FROM llm_usage
WHERE dt >= :first_day AND dt <= :last_day
  AND start_time >= :since AND start_time < :until
GROUP BY 1
ORDER BY cost_usd DESC NULLS LAST, 1
